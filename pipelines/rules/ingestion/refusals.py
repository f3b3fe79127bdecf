"""Refused rows by reason: how many, some of them, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.rules.use_case import label_values, spellings
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.likely_causes import (
    DECIMAL_COMMA,
    THOUSANDS,
    Cause,
    likely_cause,
)

REPEATED = "given twice, the first is kept"
COLUMNS = "the row has "
SAMPLES = 3


@dataclass(frozen=True)
class Sample:
    """A refused value, and the number of its line or row."""

    number: int
    value: str


@dataclass
class Refusal:
    """The rows that are refused for one reason; `column` is '' for a line that is no row."""

    column: str
    reason: str
    fix: str = ""
    rows: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The reason as the quarantine has it."""
        return f"{self.column}: {self.reason}" if self.column else self.reason

    @property
    def message(self) -> str:
        """The number of rows, the reason and what to do."""
        is_missing = self.reason == spellings.ABSENT
        what = f"{self.column} is missing" if is_missing else self.text
        return f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}: {what}: {self.fix}"


class Refusals:
    """Counts the refused rows of a source by column and reason, with a few samples of each."""

    def __init__(self) -> None:
        self._by_reason: dict[tuple[str, str], Refusal] = {}

    def of(self, column: str, reason: str) -> Refusal:
        """Return the entry of a reason, to add rows and samples to."""
        return self._by_reason.setdefault((column, reason), Refusal(column, reason))

    def listed(self, contract: Contract) -> list[Refusal]:
        """Return the entries with their fixes, the most frequent first."""
        features = {feature.name: feature for feature in contract.features}
        for refusal in self._by_reason.values():
            refusal.fix = fix(refusal, features.get(refusal.column), contract)
        return sorted(self._by_reason.values(), key=lambda refusal: -refusal.rows)


def fix(refusal: Refusal, feature: Feature | None, contract: Contract) -> str:
    """Say what to write where, so that the rows are accepted."""
    cause = _cause(refusal, feature, contract)
    if cause is not None and feature is not None and cause is THOUSANDS:
        return f"{cause.in_file}; {_BIASED}"
    if cause is not None:
        return cause.in_file
    if refusal.column == contract.label.name:
        return _LABEL.get(refusal.reason, _CORRECT)
    if feature is not None:
        return _of_feature(refusal.reason, feature)
    if refusal.reason.startswith(COLUMNS):
        return "put text that holds the delimiter in quotes, or set `csv.delimiter`"
    return _OTHER.get(refusal.reason, _CORRECT)


def warnings(refusals: list[Refusal], contract: Contract) -> Iterator[str]:
    """Yield what makes the rows that were kept different from those of the source."""
    features = {feature.name: feature for feature in contract.features}
    for refusal in refusals:
        feature = features.get(refusal.column)
        cause = _cause(refusal, feature, contract)
        if feature is not None and cause in (THOUSANDS, DECIMAL_COMMA):
            kind = "below 1,000" if cause is THOUSANDS else "that are whole numbers"
            yield (
                f"{refusal.column}: {refusal.rows:,} numbers with "
                f"{cause.question.strip('?').removeprefix('a ')} were refused, so mostly values "
                f"{kind} were kept: do not train on the rest"
            )


def _cause(refusal: Refusal, feature: Feature | None, contract: Contract) -> Cause | None:
    """Return the likely cause that most of the samples have."""
    unreadable = (spellings.NOT_A_NUMBER, spellings.NOT_BOOLEAN, spellings.NOT_A_TIME, "not one of")
    is_value = feature is not None or refusal.column == contract.event_time
    if not (is_value and refusal.reason.startswith(unreadable)):
        return None
    causes = [likely_cause(sample.value, feature) for sample in refusal.samples]
    return max(causes, key=causes.count, default=None)


def _of_feature(reason: str, feature: Feature) -> str:
    if reason.startswith("outside "):
        return f"correct the values, or widen `range` of {feature.name}, or set its `beyond: clip`"
    if reason.startswith("not one of "):
        return (
            f"correct the values, or add them to `values` of {feature.name}, "
            "or set its `unknown: other`"
        )
    return _FEATURE.get(reason, _CORRECT)


_CORRECT = "correct the values"
_BIASED = "without it, only amounts below 1,000 are kept, and the rest is biased"
_FEATURE = {
    spellings.ABSENT: "add `nullable: true`",
    spellings.NOT_A_NUMBER: (
        "correct the values, or list those that mean missing under the feature's `missing:`"
    ),
    spellings.NOT_WHOLE: "correct the values, or set `type: float`",
    spellings.NOT_EXACT: "correct the values; an id or a code is no number: use `type: category`",
    spellings.NOT_BOOLEAN: "write true or false, 1 or 0, yes or no, or set `type: category`",
}
_LABEL = {
    label_values.NO_LABEL: "leave the rows out, or list the value under `label.unlabelled`",
    label_values.NEITHER: (
        "list the values under `label.positive`, `label.negative` or `label.unlabelled`"
    ),
}
_OTHER = {
    spellings.NOT_A_TIME: "write 2026-01-31 10:00:00, or set `csv.date_format`",
    spellings.FAR_YEAR: "correct the values",
    spellings.IN_FUTURE: "correct the clock or the time zone of what wrote them",
    spellings.NOT_AN_ID: "give each row an id, as text or as a whole number",
    REPEATED: "remove the repeated rows, or map another column to the id in `sources:`",
}
