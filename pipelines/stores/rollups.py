"""`feature_rollups` and `score_rollups`: predictions and labels as counts."""

from datetime import UTC, datetime, timedelta

from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.rollup import Rollup
from pipelines.stores.database import Connection, queries

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RollupStore:
    """Predictions and labels counted, with the watermark up to which they are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def span(self, use_case: str, baseline: str, step: timedelta) -> tuple[str, str, datetime]:
        """Lock the watermark; returns the transaction ids [from, to) whose rows are new and complete, and the database's time.

        Another baseline has other bins, and another step other buckets: what was counted so far is forgotten, and counted anew
        from the log.
        """
        monitoring = queries("monitoring")
        monitoring.open_watermark(self._connection, use_case=use_case, baseline=baseline, step=step)
        found = monitoring.lock_watermark(self._connection, use_case=use_case)
        begin, end = found["logged_xid"], str(monitoring.settled_xid(self._connection))
        if (found["baseline"], found["step"]) != (baseline, step):
            monitoring.forget_features(self._connection, use_case=use_case)
            monitoring.forget_scores(self._connection, use_case=use_case)
            begin = "0"
        if int(end) < int(begin):
            raise EvidenceError(
                f"{use_case} is rolled up to transaction {begin}, but the database is at {end}: it was restored from a dump; "
                "set logged_xid to DEFAULT in prediction_logs and label_store, and remove the use case's rows from "
                "rollup_watermarks, feature_rollups and score_rollups"
            )
        return begin, end, found["now"]

    def add(self, use_case: str, baseline: str, rollup: Rollup) -> None:
        """Add counts, in the caller's transaction."""
        features, scores = rollup.features(), rollup.scores()
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
        self, use_case: str, begin: str, end: str, *, since: datetime, step: timedelta, edges: list[float]
    ) -> None:  # fmt: skip
        """Count what the labels say that came between two transactions, of predictions since a moment and of new ones."""
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
        """Say up to where everything is counted, and how many of it came from the future; None when nothing came."""
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
    ) -> list[tuple[datetime, str, list[int], list[int]]]:
        """Bucket, feature, bins and their counts, of a window's buckets."""
        rows = queries("monitoring").read_features(
            self._connection,
            use_case=use_case,
            baseline=baseline,
            window_start=window_start,
            window_end=window_end,
        )
        return [(row["bucket"], row["feature"], row["bins"], row["counts"]) for row in rows]

    def scores(
        self, use_case: str, window_start: datetime, window_end: datetime
    ) -> dict[int, ScoreCounts]:
        """How the scores of a window lie, by model version."""
        rows = queries("monitoring").read_scores(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        )
        found: dict[int, ScoreCounts] = {}
        for row in rows:
            counts = found.setdefault(row["model_version"], ScoreCounts.empty())
            counts.sums[row["label"] + 1, row["predicted_label"], row["bin"]] = (
                row["n"],
                row["score"],
                row["square"],
            )
        return found

    def ahead(self, use_case: str) -> int:
        """How many answers of the last roll-up said that they were given at a time that had not come yet."""
        return int(queries("monitoring").ahead(self._connection, use_case=use_case) or 0)
