"""The result of an import."""

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import DataError
from pipelines.rules.ingestion.refusals import Refusal
from pipelines.rules.statistics.independence import Independence

SIGNIFICANCE = 0.001


@dataclass(frozen=True)
class LabelDependence:
    """How often refused and kept rows are positive, and the test of their independence.

    Only rows whose label could be read are counted.
    """

    refused: int
    refused_positives: int
    kept: int
    kept_positives: int
    test: Independence

    @property
    def is_clear(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.test.p_value < SIGNIFICANCE

    @property
    def message(self) -> str:
        """The shares of positives, and what the difference means."""
        refused = self.refused_positives / self.refused
        kept = self.kept_positives / self.kept
        return (
            f"being refused depends on the label: {refused:.1%} of the refused rows are positive, "
            f"{kept:.1%} of the others ({self.test.test} test, p {_p_value(self.test.p_value)}): "
            "a model of the rest learns from a biased sample"
        )


def _p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}"


@dataclass(frozen=True)
class Ingested:
    """The result of an import.

    `snapshot` is the id to train on, '' when none was stored. `reasons` counts the quarantined rows
    by reason, and `refusals` has the same with samples and what to do. `unlabelled` counts the rows
    that were left out because their label is not known yet, and `treated` the values that were
    taken as another one. `unit` says what the numbers of samples count: lines or rows.
    """

    snapshot: str
    rows: int
    quarantined: int
    quarantine: Path | None
    reasons: dict[str, int]
    unlabelled: int = 0
    treated: dict[str, int] = field(default_factory=dict)
    unit: str = "row"
    refusals: tuple[Refusal, ...] = ()
    label_dependence: LabelDependence | None = None
    warnings: tuple[str, ...] = ()


class TooManyRefused(DataError):
    """More rows were refused than the policy allows, or all of them; no snapshot was stored."""

    def __init__(self, message: str, ingested: Ingested) -> None:
        super().__init__(message)
        self.ingested = ingested
