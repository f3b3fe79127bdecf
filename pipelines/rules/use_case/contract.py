"""The contract of a use case: the columns of a transaction, and the input columns of its models.

It is the one source for the pandera schema, the API's request model, the simulator, the drift
columns and the order of the model's inputs.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.expression import Formula, read_formula

OTHER = "other"  # the category of values that the contract does not list
NO_TIME = 0  # microseconds since 1970: the event time of ingested rows that have none
Value = str | int | float | bool
Monotone = Literal["none", "increasing", "decreasing"]
DIRECTIONS = {"none": 0, "increasing": 1, "decreasing": -1}


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A raw feature: one that the caller sends."""

    type: Literal["float", "int", "bool", "category"]
    """Type of the values."""
    name: str = ""
    range: tuple[float, float] | None = None
    """Smallest and largest valid value of a number, both included."""
    values: tuple[str, ...] = ()
    """The categories, in the order of their indexes."""
    nullable: bool = False
    """Whether the value may be missing. Otherwise a row without it is refused."""
    missing: tuple[str | int | float, ...] | None = None
    """Values that mean missing, such as `[NA, -7]`. Numbers are compared as numbers. Null and empty
    text always mean missing. By default `NA`, `N/A`, `NaN`, `null` and `none` mean it too, except
    for a category."""
    unknown: Literal["refuse", "missing", "other"] = "refuse"
    """What a category that is not listed becomes: the row is refused, the value is missing, or it
    is the category `other`, which follows the listed ones."""
    beyond: Literal["refuse", "clip", "accept"] = "refuse"
    """What a number outside the range becomes: the row is refused, the value is the nearest limit,
    or it is taken as it is."""
    monotone: Monotone = "none"
    """How the score may move when the value rises and all other features, also derived ones, stay
    the same: `increasing` never lets it fall, `decreasing` never lets it rise. Not for categories.
    Only estimators that can keep a direction are trained."""
    description: str = ""
    """What the feature is. Explanations show it."""

    @property
    def missing_numbers(self) -> frozenset[float]:
        """The numbers that mean missing."""
        return frozenset(float(code) for code in self.missing or () if not isinstance(code, str))

    def as_number(self, value: Any) -> float:
        """Convert an accepted value to the logged number: missing is NaN, a category its index."""
        if value is None:
            return float("nan")
        if self.type == "category":
            return float(self.values.index(value))
        return float(value)


class Derived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature that a numexpr expression computes from raw features."""

    expression: str
    """Expression over raw features, such as `where(income > 0, amount / income, 0)`."""
    name: str = ""
    monotone: Monotone = "none"
    """As for a raw feature: `increasing` or `decreasing`."""
    description: str = ""
    """What the feature is. Explanations show it."""


class LabelColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column of the label, which arrives after the prediction."""

    name: str
    """Column of the label in files of labelled history."""
    positive: Value | tuple[Value, ...] = 1
    """Value of the positive class, or a list of its values. Numbers are compared as numbers."""
    negative: Value | tuple[Value, ...] = ()
    """Values of the negative class. Without it, 0 is the opposite of 1, and false of true. Required
    when `positive` is a word or another number."""
    unlabelled: tuple[Value, ...] = ()
    """Values of rows whose label is not known yet. Such rows are left out of a snapshot."""
    description: str = ""
    """What the label means."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A checked contract; features are logged and given to models in the order of `columns`."""

    use_case: str
    title: str
    """Name of the use case for people."""
    entity_key: str
    """Column of the entity that acts, such as a customer."""
    event_time: str = ""
    """Column of the time of the transaction. Leave it out if your rows have no time: then the
    policy needs `evaluation.split: id`, and checks that compare times do not apply."""
    transaction_id: str
    """Column that identifies the transaction. Labels refer to it."""
    label: LabelColumn
    """The label, which arrives after the prediction."""
    features: tuple[Feature, ...]
    """The raw features by name, in the order in which they are logged and given to models."""
    derived: tuple[Derived, ...]
    """The derived features by name. They follow the raw ones."""
    sources: dict[str, str]
    """Names of columns in your files, each with the column of the contract that it is."""
    csv: CsvFormat = CsvFormat()
    """How your CSV files are written. The flags of `sixgate ingest` override it."""
    description: str = ""
    """What the model answers."""

    @property
    def has_times(self) -> bool:
        """Whether a row says when its transaction happened."""
        return bool(self.event_time)

    @property
    def raw(self) -> tuple[str, ...]:
        """The names of the raw features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all features: raw, then derived."""
        derived = [feature.name for feature in self.derived]
        return (*self.raw, *derived)

    @property
    def categories(self) -> tuple[int, ...]:
        """Number of categories of each column, 0 for a number."""
        raw = (
            len(feature.values) if feature.type == "category" else 0 for feature in self.features
        )
        return (*raw, *(0 for _ in self.derived))

    @property
    def directions(self) -> tuple[int, ...]:
        """How the score may move with each column: 1 never falls, -1 never rises, 0 is free."""
        raw = (DIRECTIONS[feature.monotone] for feature in self.features)
        return (*raw, *(DIRECTIONS[feature.monotone] for feature in self.derived))

    def formula(self, derived: Derived) -> Formula:
        """Check a derived feature's expression and return it; BadExpression when it is invalid."""
        numeric = [feature.name for feature in self.features if feature.type != "category"]
        return read_formula(derived.expression, numeric)

    @property
    def hash(self) -> str:
        """The identity of what a model depends on.

        Titles, descriptions, the names of source columns and the format of files are left out.
        """
        label = self.label
        essence: dict[str, Any] = {
            "use_case": self.use_case,
            "label": [label.name, label.positive, *([label.negative] if label.negative else [])],
            "features": [(f.name, f.type, f.range, f.values, f.nullable) for f in self.features],
            "derived": [(d.name, d.expression) for d in self.derived],
        }
        # Only what differs from the defaults, so that contracts without these keys keep their hash.
        if treatments := dict(_treatments(self.features)):
            essence["treatments"] = treatments
        if any(self.directions):
            named = zip(self.columns, self.directions, strict=True)
            essence["directions"] = [(name, direction) for name, direction in named if direction]
        content = msgspec.json.encode(essence, order="deterministic")
        return hashlib.sha256(content).hexdigest()[:16]


def _treatments(features: tuple[Feature, ...]) -> Iterator[tuple[str, list[Any]]]:
    """Yield what happens to special values of the features that have settings for it."""
    for feature in features:
        treatment = [feature.missing, feature.unknown, feature.beyond]
        if treatment != [None, "refuse", "refuse"]:
            yield feature.name, treatment
