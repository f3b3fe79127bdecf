"""The columns that scoring adds to those of a file."""

from collections.abc import Collection
from dataclasses import dataclass

from pipelines.errors import DataError

PREFIX = "sixgate_"


@dataclass(frozen=True)
class AddedColumns:
    """Names of the added columns; `prediction_id` is None when predictions are not logged."""

    score: str
    flagged: str
    model_version: str
    prediction_id: str | None

    @property
    def names(self) -> list[str]:
        """The names in order."""
        names = [self.score, self.flagged, self.model_version]
        return names if self.prediction_id is None else [*names, self.prediction_id]


def added_columns(columns: Collection[str], *, logged: bool) -> AddedColumns:
    """Return names that are not among the columns of the file.

    When one of the usual names is taken, all of them get a prefix. Raises DataError when such a
    name is taken too.
    """
    usual = ["score", "flagged", "model_version", "prediction_id"]
    taken = set(columns)
    names = usual if taken.isdisjoint(usual) else [PREFIX + name for name in usual]
    clashes = sorted(taken.intersection(names))
    if clashes:
        raise DataError(
            f"the file has the columns {', '.join(clashes)} already, as a file has that was scored "
            "twice: remove or rename them"
        )
    score, flagged, model_version, prediction_id = names
    return AddedColumns(
        score=score,
        flagged=flagged,
        model_version=model_version,
        prediction_id=prediction_id if logged else None,
    )
