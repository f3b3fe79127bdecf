"""Stores how many values each worker refused or took as another one.

Counts are in memory until they are stored, which the heartbeat does every 5 s. While the database
is away they are kept, and count for the hour in which they are stored. A worker that is killed
loses those of its last seconds.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from pipelines.stores.database import Connection
from pipelines.stores.quality import QualityStore
from serving.scoring import UseCaseScorer

Counts = Counter[tuple[str, str]]


class QualityReporter:
    """Adds what scorers counted since the last report to `quality_counts`."""

    def __init__(self) -> None:
        self._reports: dict[str, list[_Report]] = {}

    def send(self, connection: Connection, scorers: Sequence[UseCaseScorer]) -> None:
        """Store the new counts of each scorer."""
        store = QualityStore(connection)
        for scorer in scorers:
            reports = self._current(scorer)
            new: Counts = Counter()
            for report in reports:
                new.update(report.unsent())
            if new:
                store.add(scorer.use_case, datetime.now(UTC), new)
            for report in reports:
                report.confirm()

    def _current(self, scorer: UseCaseScorer) -> Sequence["_Report"]:
        """Return a report for each counter of a scorer, of rows and of labels."""
        reports = self._reports.setdefault(scorer.use_case, [])
        for counts in (scorer.refused_rows, scorer.refused_labels):
            if not any(report.counts is counts for report in reports):
                reports.append(_Report(counts))
        return reports


class _Report:
    """One counter, and what was stored of it."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._sent: Counts = Counter()
        self._sending: Counts = Counter()

    def unsent(self) -> Counts:
        """Return what was counted since the last confirmed report."""
        # `dict` copies in one step, while the event loop goes on counting.
        self._sending = Counter(dict(self.counts))
        return self._sending - self._sent

    def confirm(self) -> None:
        """Mark what `unsent` returned as stored."""
        self._sent = self._sending
