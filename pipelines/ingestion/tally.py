"""Counts what happens to the rows of an import."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipelines.ingestion.checking import CheckedPart, text
from pipelines.ingestion.result import LabelDependence
from pipelines.rules.ingestion.refusals import (
    REPEATED,
    SAMPLES,
    Refusal,
    Refusals,
    Sample,
    warnings,
)
from pipelines.rules.statistics.independence import independence
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.label_values import NEGATIVE, POSITIVE, UNLABELLED


class Tally:
    """The counts of an import, part by part."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._refusals = Refusals()
        self._labels = np.zeros((2, 2), np.int64)  # refused and kept × negative and positive
        self.treated: Counter[str] = Counter()
        self.unlabelled = 0
        self.read = 0
        self.kept = 0

    def add(self, part: CheckedPart) -> None:
        """Count the rows of a part."""
        checked = part.checked
        good = checked.refusals.good
        for kept, rows in enumerate((~good, good)):
            for label in (NEGATIVE, POSITIVE):
                self._labels[kept, label] += int((checked.labels[rows] == label).sum())
        self.read += len(good)
        self.kept += len(checked.good)
        self.treated.update(checked.treated)
        self.unlabelled += int((good & (checked.labels == UNLABELLED)).sum())
        if not good.all():
            self._add_refused(part)
        for line in part.set_aside:
            refusal = self._refusals.of("", line.reason)
            refusal.rows += 1
            if len(refusal.samples) < SAMPLES:
                refusal.samples.append(Sample(line.number, line.text))

    def add_repeated(self, rows: pa.Table, numbers: list[int]) -> None:
        """Count rows whose id an earlier row has; they were counted as kept before."""
        name = self._contract.transaction_id
        refusal = self._refusals.of(name, REPEATED)
        refusal.rows += len(rows)
        self.kept -= len(rows)
        for row, number in enumerate(numbers[: SAMPLES - len(refusal.samples)]):
            refusal.samples.append(Sample(number, text(rows[name], row)))

    def refusals(self) -> list[Refusal]:
        """Return the reasons with their fixes, the most frequent first."""
        return self._refusals.listed(self._contract)

    def warnings(self) -> Iterator[str]:
        """Yield what makes the kept rows different from those of the source."""
        yield from warnings(self.refusals(), self._contract)
        dependence = self.label_dependence()
        if dependence is not None and dependence.is_clear:
            yield dependence.message

    def label_dependence(self) -> LabelDependence | None:
        """Test whether being refused depends on the label; None when that can't be said."""
        refused, kept = self._labels.tolist()
        test = independence(((refused[0], refused[1]), (kept[0], kept[1])))
        if test is None:
            return None
        return LabelDependence(
            refused=sum(refused),
            refused_positives=refused[1],
            kept=sum(kept),
            kept_positives=kept[1],
            test=test,
        )

    def _add_refused(self, part: CheckedPart) -> None:
        refusals = part.checked.refusals
        counts = np.bincount(refusals.codes, minlength=len(refusals.pairs) + 1)
        for code, (column, reason) in enumerate(refusals.pairs, start=1):
            if not counts[code]:
                continue
            refusal = self._refusals.of(column, reason)
            refusal.rows += int(counts[code])
            missing = SAMPLES - len(refusal.samples)
            if missing:
                rows = np.flatnonzero(refusals.codes == code)[:missing]
                table, numbers = part.part.take(rows)
                for row, number in enumerate(numbers):
                    has_value = column in table.column_names
                    value = text(table[column], row) if has_value else ""
                    refusal.samples.append(Sample(number, value))
