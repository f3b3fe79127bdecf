"""Predictions and labels as counts per bucket, in `feature_rollups` and `score_rollups`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.rollup import Rollup
from pipelines.stores.database import Connection, queries

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = "0"  # the transaction id at which the log begins


@dataclass(frozen=True, kw_only=True)
class RollupSpan:
    """The transaction ids [begin, end) whose rows a roll-up counts, and the database's time.

    Rows before `watermark` were counted by a former roll-up. It is after `begin` when all counts
    are made again.
    """

    begin: str
    end: str
    watermark: str
    now: datetime

    @property
    def is_repeated(self) -> bool:
        """Whether rows are counted again."""
        return self.begin != self.watermark


@dataclass(frozen=True)
class FeatureCounts:
    """How many predictions of a bucket and a model version are in each bin of a feature."""

    bucket: datetime
    feature: str
    model_version: int
    bins: list[int]
    counts: list[int]


class RollupStore:
    """Counts of predictions and labels, and the watermark up to which the log is counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def span(self, use_case: str, baseline: str, step: timedelta) -> RollupSpan:
        """Lock the watermark; return the transactions to count, whose rows are complete.

        Another baseline has other bins, and another step has other buckets. When either changed,
        all counts of the use case are deleted, and the span starts at the beginning of the log.

        Raises EvidenceError when the database was restored from a dump.
        """
        monitoring = queries("monitoring")
        monitoring.open_watermark(self._connection, use_case=use_case, baseline=baseline, step=step)
        watermark = monitoring.lock_watermark(self._connection, use_case=use_case)
        counted = watermark["logged_xid"]
        end = str(monitoring.settled_xid(self._connection))
        if (watermark["baseline"], watermark["step"]) != (baseline, step):
            monitoring.forget_features(self._connection, use_case=use_case)
            monitoring.forget_scores(self._connection, use_case=use_case)
            begin = START
        else:
            begin = counted
        if int(end) < int(counted):
            raise EvidenceError(
                f"{use_case} is rolled up to transaction {counted}, but the database is at {end}: "
                "it was restored from a dump; set logged_xid to DEFAULT in prediction_logs and "
                "label_store, and remove the use case's rows from rollup_watermarks, "
                "feature_rollups and score_rollups"
            )
        return RollupSpan(begin=begin, end=end, watermark=counted, now=watermark["now"])

    def add(self, use_case: str, baseline: str, rollup: Rollup) -> None:
        """Add counts, in the caller's transaction."""
        features = rollup.features()
        scores = rollup.scores()
        for columns in (features, scores):
            columns["buckets"] = [
                EPOCH + timedelta(microseconds=micros) for micros in columns["buckets"]
            ]
        if features["counts"]:
            queries("monitoring").add_features(
                self._connection, use_case=use_case, baseline=baseline, **features
            )
        if scores["counts"]:
            queries("monitoring").add_scores(self._connection, use_case=use_case, **scores)

    def add_outcomes(
        self,
        use_case: str,
        begin: str,
        end: str,
        *,
        since: datetime,
        step: timedelta,
        edges: list[float],
    ) -> None:
        """Count what labels and predictions of the transactions [begin, end) change.

        A label counts only for predictions made since `since`. `edges` are those of score bins.
        """
        queries("monitoring").add_outcomes(
            self._connection,
            use_case=use_case,
            begin=begin,
            end=end,
            since=since,
            step=step.total_seconds(),
            edges=edges,
        )

    def move(
        self, use_case: str, baseline: str, step: timedelta, watermark: str, *, ahead: int | None
    ) -> None:
        """Move the watermark to the transaction up to which all is counted.

        `ahead` is how many of the counted predictions have a time in the future; None keeps the
        former number when no prediction was counted.
        """
        queries("monitoring").move_watermark(
            self._connection,
            use_case=use_case,
            baseline=baseline,
            step=step,
            logged_xid=watermark,
            ahead=ahead,
        )

    def features(
        self, use_case: str, baseline: str, window_start: datetime, window_end: datetime
    ) -> list[FeatureCounts]:
        """List the counts of each bucket, feature and model version of a window."""
        rows = queries("monitoring").read_features(
            self._connection,
            use_case=use_case,
            baseline=baseline,
            window_start=window_start,
            window_end=window_end,
        )
        return [FeatureCounts(**row) for row in rows]

    def scores(
        self, use_case: str, window_start: datetime, window_end: datetime
    ) -> dict[int, ScoreCounts]:
        """Return the score counts of a window by model version."""
        rows = queries("monitoring").read_scores(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        )
        by_version: dict[int, ScoreCounts] = {}
        for row in rows:
            counts = by_version.setdefault(row["model_version"], ScoreCounts.empty())
            cell = (row["label"] + 1, row["predicted_label"], row["bin"])  # label -1: unlabelled
            counts.sums[cell] = (row["n"], row["score"], row["square"])
        return by_version

    def ahead(self, use_case: str) -> int:
        """Return how many predictions of the last roll-up have a time that was in the future."""
        return int(queries("monitoring").ahead(self._connection, use_case=use_case) or 0)
