"""Scores a file in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.batch_scoring.files.readable import readable
from pipelines.batch_scoring.files.rows_file import RowsFile, RowsPart
from pipelines.batch_scoring.files.scored_files import AddedValues, ScoredWriter, writing
from pipelines.batch_scoring.prediction_lines import prediction_lines
from pipelines.batch_scoring.result import LoggedJob, NoRowScored, ScoredFile
from pipelines.batch_scoring.serving_model import BatchModel
from pipelines.errors import DataError
from pipelines.ingestion.checking import CheckedPart, check_part, mapped
from pipelines.ingestion.quarantine import Quarantine
from pipelines.ingestion.sources.background import Background
from pipelines.ingestion.tally import Tally
from pipelines.rules.batch_scoring.output_columns import AddedColumns, added_columns
from pipelines.rules.batch_scoring.prediction_ids import prediction_ids
from pipelines.rules.batch_scoring.row_checks import check_unlabelled_rows
from pipelines.rules.batch_scoring.scored_rows import NO_SCORE
from pipelines.stores.artifacts import Artifacts

Progress = Callable[[int], None]
Log = Callable[[Iterable[bytes]], int]


@dataclass(frozen=True)
class ScoredPart:
    """A part of a file with the scores (m,) and the features (m, columns) of its good rows."""

    part: RowsPart
    checked: CheckedPart
    features: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """How many rows the part has."""
        return len(self.checked.checked.labels)

    @property
    def positions(self) -> NDArray[np.int64]:
        """The places (m,) of the good rows in the part."""
        return self.checked.checked.positions


def score_rows(
    rows: RowsFile,
    model: BatchModel,
    artifacts: Artifacts,
    out: Path,
    form: str,
    *,
    job: LoggedJob | None = None,
    log: Log | None = None,
    mode: int = 0o666,
    progress: Progress = lambda _: None,
) -> ScoredFile:
    """Write a scored file; rows that break the contract go to quarantine.

    With `job` and `log`, every prediction is logged. Raises NoRowScored when every row was refused;
    the quarantine is written all the same. Raises DataError when there are no rows, or when the
    file is not readable; then there is no scored file.
    """
    scoring = _FileScoring(rows, model, job, log)
    with (
        readable(rows.name, rows.kind),
        Quarantine(artifacts, "score") as quarantine,
        writing(out, rows, scoring.names, form, mode=mode) as writer,
    ):
        scoring.run(writer, quarantine, progress)
        quarantine.keep()
        scored = scoring.result(out, quarantine.path)
        _require_rows(scored, rows)
    return scored


class _FileScoring:
    """The state of scoring one file."""

    def __init__(
        self, rows: RowsFile, model: BatchModel, job: LoggedJob | None, log: Log | None
    ) -> None:
        self._rows = rows
        self._model = model
        self._job = job
        self._log = log
        self._tally = Tally(model.contract)
        self._flagged = 0
        self._logged = 0
        self._now = datetime.now(UTC)
        self.names: AddedColumns = added_columns(rows.schema.names, logged=job is not None)

    def run(self, writer: ScoredWriter, quarantine: Quarantine, progress: Progress) -> None:
        """Score all parts; one is written while the next ones are scored."""
        with Background() as background:
            for scored in mapped(self._score, self._rows.parts()):
                background.run(self._keep, scored, self._tally.read, writer)
                _put_aside(scored, quarantine)
                self._tally.add(scored.checked)
                progress(self._tally.read)
            background.wait()

    def result(self, out: Path, quarantine: Path | None) -> ScoredFile:
        """Return the result."""
        refusals = self._tally.refusals()
        return ScoredFile(
            out=out if self._tally.kept else None,
            rows=self._tally.kept,
            flagged=self._flagged,
            refused=sum(refusal.rows for refusal in refusals),
            model_version=self._model.version,
            threshold=self._model.threshold,
            quarantine=quarantine,
            treated=dict(self._tally.treated.most_common()),
            refusals=tuple(refusals),
            unit=self._rows.unit,
            job=self._job.id if self._job else None,
            logged=self._logged if self._job else None,
        )

    def _score(self, part: RowsPart) -> ScoredPart:
        """Check and score a part, in one of several threads."""
        checked = check_part(part, self._model.contract, self._now, check_unlabelled_rows)
        features = self._model.scorer.features(checked.checked.good)
        scores = self._model.scorer.scores(features)
        return _without_unscored(ScoredPart(part, checked, features, scores))

    def _keep(self, scored: ScoredPart, first_row: int, writer: ScoredWriter) -> None:
        """Write and log the predictions of a part; its first row has the number `first_row`."""
        ids = None
        if self._job is not None:
            numbers = scored.positions + first_row
            ids = prediction_ids(self._job.id, self._job.scored_at, numbers)
        flagged = self._model.scorer.flagged(scored.scores)
        added = AddedValues(
            positions=scored.positions,
            scores=scored.scores,
            flagged=flagged,
            version=self._model.version,
            prediction_ids=ids,
        )
        writer.write(scored.part, scored.rows, added)
        self._flagged += int(flagged.sum())
        if self._job is not None and self._log is not None and ids is not None:
            self._logged += self._log(self._lines(scored, ids, self._job))

    def _lines(
        self, scored: ScoredPart, ids: NDArray[np.bytes_], job: LoggedJob
    ) -> Iterator[bytes]:
        return prediction_lines(
            self._model,
            scored.checked.checked.good,
            scored.features,
            scored.scores,
            ids,
            scored_at=job.scored_at,
            replica=job.replica,
        )


def _without_unscored(scored: ScoredPart) -> ScoredPart:
    """Refuse the rows that have no finite score, as the scoring server refuses them."""
    finite = np.isfinite(scored.scores)
    if finite.all():
        return scored
    checked = scored.checked.checked
    refused = np.zeros(scored.rows, bool)
    refused[scored.positions[~finite]] = True
    checked.refusals.mark("score", refused, NO_SCORE)
    kept = replace(
        checked,
        good=checked.good.filter(pa.array(finite)),
        positions=checked.positions[finite],
    )
    return ScoredPart(
        part=scored.part,
        checked=replace(scored.checked, checked=kept),
        features=scored.features[finite],
        scores=scored.scores[finite],
    )


def _put_aside(scored: ScoredPart, quarantine: Quarantine) -> None:
    refusals = scored.checked.checked.refusals
    refused = np.flatnonzero(~refusals.good)
    if len(refused) or scored.checked.set_aside:
        rows, _ = scored.part.take(refused)
        quarantine.add(rows, refusals.texts[refused].tolist(), scored.checked.set_aside)


def _require_rows(scored: ScoredFile, rows: RowsFile) -> None:
    if scored.rows:
        return
    if not scored.refused:
        raise DataError(f"{rows.name}: it has no rows: nothing was scored")
    raise NoRowScored(
        f"{rows.name}: all {scored.refused:,} rows were refused, so no scored file was written: "
        "correct the data or the contract as shown, and score the file again",
        scored,
    )
