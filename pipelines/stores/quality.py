"""What is wrong with requests, ids and labels: counts in `quality_counts`, and reads of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipelines.rules.monitoring.data_quality import (
    COMPARED,
    IDS,
    REPEATED,
    QualityCounts,
    UnmatchedLabels,
)
from pipelines.rules.monitoring.id_variants import id_variants
from pipelines.rules.use_case.spellings import AHEAD
from pipelines.stores.database import Connection, queries

Counts = Mapping[tuple[str, str], int]  # by field and treatment
MOST_REPEATED = 1_000  # new predictions of a roll-up that are compared with former ones
MOST_LABELS = 500  # labels that are compared with the log at each drift check
SETTLED = timedelta(days=1)  # a prediction may be logged this long after its label
LABEL_WINDOW = timedelta(days=7)
RECENT = timedelta(days=30)  # predictions that are searched first: fewer partitions


class QualityStore:
    """Counts of refused, treated and repeated values, and labels without a prediction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, use_case: str, at: datetime, counts: Counts) -> None:
        """Add counts to those of an hour."""
        keys = list(counts)
        queries("quality").add_counts(
            self._connection,
            use_case=use_case,
            at=at,
            fields=[field for field, _ in keys],
            treatments=[treatment for _, treatment in keys],
            counts=[counts[key] for key in keys],
        )

    def add_repeated(
        self,
        use_case: str,
        begin: str,
        end: str,
        *,
        since: datetime,
        until: datetime,
        pages: float = 1.0,
    ) -> None:
        """Count, by hour, the predictions that were logged in [begin, end) and repeat an id.

        They are compared with all predictions of [since, until]. Of more than `MOST_REPEATED`
        new ones, a sample of this size is compared, in which each is equally likely: its share of
        repeated ids has a standard error of at most 1.6 percentage points. When most of the log
        is new, the sample may be drawn from a share of its pages.
        """
        rows = queries("quality").count_repeated(
            self._connection,
            use_case=use_case,
            begin=begin,
            end=end,
            since=since,
            until=until,
            most=MOST_REPEATED,
            percent=100 * pages,
        )
        for row in rows:
            counts = {(IDS, COMPARED): row["compared"], (IDS, REPEATED): row["repeated"]}
            self.add(use_case, row["hour"], counts)

    def read(
        self, use_case: str, window_start: datetime, window_end: datetime, *, as_of: datetime
    ) -> QualityCounts:
        """Return the counts of a window, and how many of the newest labels match no prediction."""
        rows = queries("quality").read_counts(
            self._connection, use_case=use_case, window_start=window_start, window_end=window_end
        )
        future = queries("quality").future_times(
            self._connection,
            use_case=use_case,
            after=as_of + AHEAD,
            window_start=window_start,
            window_end=window_end,
        )
        return QualityCounts(
            treated={(row["field"], row["treatment"]): row["n"] for row in rows},
            future_times=int(future),
            labels=self.unmatched_labels(use_case, as_of),
        )

    def unmatched_labels(self, use_case: str, as_of: datetime) -> UnmatchedLabels:
        """Compare the newest labels, of a week until a day before `as_of`, with the log."""
        row = queries("quality").unmatched_labels(
            self._connection,
            use_case=use_case,
            window_start=as_of - SETTLED - LABEL_WINDOW,
            window_end=as_of - SETTLED,
            recent=as_of - RECENT,
            most=MOST_LABELS,
        )
        return UnmatchedLabels(
            labels=row["labels"], unmatched=row["unmatched"], examples=tuple(row["examples"])
        )

    def similar_ids(self, use_case: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the ids for which a prediction has another spelling, with that spelling."""
        variants = {id_: id_variants(id_) for id_ in ids}
        every = sorted({variant for spellings in variants.values() for variant in spellings})
        rows = queries("quality").logged_ids(self._connection, use_case=use_case, ids=every)
        logged = {row["id"] for row in rows}
        matches = {
            id_: next((variant for variant in spellings if variant in logged), None)
            for id_, spellings in variants.items()
        }
        return {id_: match for id_, match in matches.items() if match is not None}

    def future_times(self, use_case: str, as_of: datetime) -> int:
        """Return how many logged predictions have an event time in the future of `as_of`."""
        count = queries("quality").all_future_times(
            self._connection, use_case=use_case, after=as_of + AHEAD
        )
        return int(count)
