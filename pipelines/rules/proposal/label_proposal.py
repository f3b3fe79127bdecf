"""Which values of the label mean the positive class, as far as the values tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.errors import DataError
from pipelines.rules.use_case.contract import LabelColumn, Value
from pipelines.rules.use_case.label_values import LabelValues, label_key
from pipelines.rules.use_case.spellings import FALSE, TRUE, Misread

MOST_VALUES = 20  # of a label; a column with more is none
SHOWN = 10
# Words of outcomes that a model is usually asked to find.
BAD = ("default", "fraud", "charged off", "bad", "churn", "delinquent", "late", "risk", "positive")


@dataclass(frozen=True)
class LabelProposal:
    """A label whose positive class is known or guessed; `why` says how, '' if it was told."""

    label: LabelColumn
    why: str
    is_certain: bool


def propose_label(
    name: str, counts: Sequence[tuple[str, int]], missing: int, positive: Sequence[str] = ()
) -> LabelProposal:
    """Return the label of a column with these values and counts, most frequent first.

    Values that are not in `positive` are negative, blank ones are not known yet. Raises DataError
    when there are not two classes, or when no value can be guessed to be the positive one.
    """
    values = [value for value, _ in counts]
    _require_label(name, values)
    if positive:
        return LabelProposal(_told(name, values, missing, positive), "", is_certain=True)
    if len(values) > 2:
        raise DataError(
            f"{name} has {len(values)} values: {_shown(values)}: name the positive ones with "
            f"--positive, as in --positive {values[-1]!r}"
        )
    chosen, why = _guess(values)
    label = _label(name, values, missing, (chosen,))
    return LabelProposal(label, why, is_certain=why.startswith("the usual"))


def positive_share(label: LabelColumn, counts: Sequence[tuple[str, int]]) -> float:
    """Return the share of the labelled rows that are positive."""
    classes = LabelValues(label)
    positive = sum(count for value, count in counts if classes(value) == 1)
    negative = sum(count for value, count in counts if classes(value) == 0)
    return positive / max(1, positive + negative)


def _require_label(name: str, values: list[str]) -> None:
    if not values:
        raise DataError(f"{name} is blank in every row: name another column with --label")
    if len(values) == 1:
        raise DataError(
            f"{name} has one value, {values[0]!r}: a model needs rows of both classes; name "
            "another column with --label, or another file"
        )
    if len(values) > MOST_VALUES:
        raise DataError(
            f"{name} has {len(values):,} values, such as {_shown(values[:3])}: it is no label with "
            "two classes; name another column with --label"
        )


def _told(name: str, values: list[str], missing: int, positive: Sequence[str]) -> LabelColumn:
    known = {label_key(value): value for value in values}
    unknown = [value for value in positive if label_key(value) not in known]
    if unknown:
        raise DataError(
            f"--positive {unknown[0]!r}: {name} does not have it; it has {_shown(values)}"
        )
    keys = {label_key(value) for value in positive}
    if keys == known.keys():
        raise DataError(f"--positive names every value of {name}: leave out the negative ones")
    return _label(name, values, missing, tuple(known[label_key(value)] for value in positive))


def _guess(values: list[str]) -> tuple[str, str]:
    """Return the likely positive value, and why."""
    keys = [label_key(value) for value in values]
    if set(keys) == {0.0, 1.0}:
        return values[keys.index(1.0)], "the usual spelling of a label"
    words = [value.casefold() for value in values]
    is_yes = [word in TRUE for word in words]
    if sum(is_yes) == 1 and any(word in FALSE for word in words):
        return values[is_yes.index(True)], "the usual spelling of a label"
    for word in BAD:
        named = [value for value in values if word in value.casefold() and not _is_negated(value)]
        if len(named) == 1:
            return named[0], f"it holds the word {word!r}"
    return values[-1], "it is the rarer value"


def _is_negated(value: str) -> bool:
    return value.casefold().startswith(("no", "un"))


def _label(name: str, values: list[str], missing: int, positive: Sequence[str]) -> LabelColumn:
    chosen = {label_key(value) for value in positive}
    others = tuple(_value(value) for value in values if label_key(value) not in chosen)
    named = tuple(_value(value) for value in positive)
    label = LabelColumn(
        name=name,
        positive=named[0] if len(named) == 1 else named,
        negative=others,
        unlabelled=("",) if missing else (),
    )
    plain = LabelColumn(name=name, positive=label.positive, unlabelled=label.unlabelled)
    return plain if _reads(plain, values) else label


def _reads(label: LabelColumn, values: list[str]) -> bool:
    """Whether a label without a list of negatives has a class for every value."""
    classes = LabelValues(label)
    try:
        return {classes(value) for value in values} == {0, 1}
    except Misread:
        return False


def _value(text: str) -> Value:
    """Return a number as a number, so that the contract does not show it in quotes."""
    key = label_key(text)
    if isinstance(key, float):
        return int(key) if key.is_integer() else key
    return text


def _shown(values: Sequence[str]) -> str:
    listing = ", ".join(repr(value) for value in values[:SHOWN])
    return f"{listing}, …" if len(values) > SHOWN else listing
