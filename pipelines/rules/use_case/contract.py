"""The contract of a use case: the columns of a transaction, and the input columns of its models.

It is the one source for the pandera schema, the API's request model, the simulator, the drift
columns and the order of the model's inputs.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any, Literal, TypeVar

import msgspec

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.expression import BadExpression, Formula, read_formula
from pipelines.rules.use_case.schema_error import schema_fault

T = TypeVar("T", bound=msgspec.Struct)
TYPES = ("float", "int", "bool", "category")
KEYS = {
    "title",
    "description",
    "entity_key",
    "event_time",
    "transaction_id",
    "label",
    "features",
    "derived",
    "sources",
}


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
    description: str = ""
    """What the feature is. Explanations show it."""

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
    description: str = ""
    """What the feature is. Explanations show it."""


class LabelColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column of the label, which arrives after the prediction."""

    name: str
    """Column of the label in files of labelled history."""
    positive: int | str | bool = 1
    """Value of the positive class."""
    description: str = ""
    """What the label means."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A checked contract; features are logged and given to models in the order of `columns`."""

    use_case: str
    title: str
    """Name of the use case for people."""
    entity_key: str
    """Column of the entity that acts, such as a customer."""
    event_time: str
    """Column of the time of the transaction."""
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
    description: str = ""
    """What the model answers."""

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

    def formula(self, derived: Derived) -> Formula:
        """Check a derived feature's expression and return it; BadExpression when it is invalid."""
        numeric = [feature.name for feature in self.features if feature.type != "category"]
        return read_formula(derived.expression, numeric)

    @property
    def hash(self) -> str:
        """The identity of what a model depends on.

        Titles, descriptions and the names of source columns are left out.
        """
        essence = {
            "use_case": self.use_case,
            "label": [self.label.name, self.label.positive],
            "features": [(f.name, f.type, f.range, f.values, f.nullable) for f in self.features],
            "derived": [(d.name, d.expression) for d in self.derived],
        }
        content = msgspec.json.encode(essence, order="deterministic")
        return hashlib.sha256(content).hexdigest()[:16]


def parse_contract(document: Any, *, use_case: str, file: str) -> Contract:
    """Check a contract's document and return the contract.

    The first fault raises UseCaseError, which names file, key, value and remedy.
    """
    top = _mapping(document, file, "the file")
    for key in top.keys() - KEYS:
        raise _fault(
            file,
            key=key,
            value=top[key],
            remedy=f"is not a key of a contract; known are {', '.join(sorted(KEYS))}",
        )
    label = _convert(
        top.get("label"),
        LabelColumn,
        file=file,
        key="label",
    )
    features = _features(top, file)
    derived = _derived(top, file)
    contract = Contract(
        use_case=use_case,
        title=_text(top, "title", file),
        description=str(top.get("description", "")),
        entity_key=_text(top, "entity_key", file),
        event_time=_text(top, "event_time", file),
        transaction_id=_text(top, "transaction_id", file),
        label=label,
        features=features,
        derived=derived,
        sources=_sources(top, file),
    )
    _check_features(contract, file)
    _check_sources(contract, file)
    for feature in derived:
        _check_expression(feature, contract, file)
    return contract


def _features(top: Mapping[str, Any], file: str) -> tuple[Feature, ...]:
    documents = _mapping(top.get("features"), file, "features")
    features = []
    for name, value in documents.items():
        feature = _feature(value, file, f"features.{name}")
        features.append(msgspec.structs.replace(feature, name=name))
    return tuple(features)


def _derived(top: Mapping[str, Any], file: str) -> tuple[Derived, ...]:
    documents = _mapping(top.get("derived") or {}, file, "derived")
    features = []
    for name, value in documents.items():
        feature = _convert(
            value,
            Derived,
            file=file,
            key=f"derived.{name}",
        )
        features.append(msgspec.structs.replace(feature, name=name))
    return tuple(features)


def _sources(top: Mapping[str, Any], file: str) -> dict[str, str]:
    sources = _mapping(top.get("sources") or {}, file, "sources")
    return {str(source): str(target) for source, target in sources.items()}


def _feature(value: Any, file: str, key: str) -> Feature:
    settings = _mapping(value, file, key)
    type_ = settings.get("type")
    if type_ not in TYPES:
        raise _fault(
            file,
            key=f"{key}.type",
            value=type_,
            remedy=f"is not a type; use one of {', '.join(TYPES)}",
        )
    feature = _convert(
        settings,
        Feature,
        file=file,
        key=key,
    )
    for setting, wrong, remedy in _feature_faults(feature):
        raise _fault(
            file,
            key=f"{key}.{setting}",
            value=wrong,
            remedy=remedy,
        )
    return feature


def _feature_faults(feature: Feature) -> Iterator[tuple[str, list[Any], str]]:
    """Yield the setting, its value and the remedy of each fault."""
    limits = list(feature.range or ())
    if limits and not all(math.isfinite(limit) for limit in limits):
        yield (
            "range",
            limits,
            "is not finite; write two numbers, or leave the range out",
        )
    if limits and limits[0] >= limits[1]:
        yield (
            "range",
            limits,
            "is reversed; write [lowest, highest]",
        )
    values = list(feature.values)
    is_category = feature.type == "category"
    if is_category and (not values or len(set(values)) < len(values)):
        yield (
            "values",
            values,
            "must list each category once; add `values: [a, b]`",
        )
    if values and not is_category:
        yield (
            "values",
            values,
            "is only for categories; remove it or use `type: category`",
        )
    if limits and feature.type in ("bool", "category"):
        yield (
            "range",
            limits,
            f"does not apply to a {feature.type}; remove it",
        )


def _check_features(contract: Contract, file: str) -> None:
    if not contract.features:
        raise _fault(
            file,
            key="features",
            value={},
            remedy="is empty; a model needs at least one feature",
        )
    for name in contract.columns:
        remedy = _name_fault(name, contract)
        if remedy:
            raise _fault(
                file,
                key=f"features.{name}",
                value=name,
                remedy=remedy,
            )
        if contract.columns.count(name) > 1:
            raise _fault(
                file,
                key=f"derived.{name}",
                value=name,
                remedy="is already a raw feature; give the derived one another name",
            )


def _name_fault(name: str, contract: Contract) -> str | None:
    if name == contract.label.name:
        return "is the label; a model must not see it, remove it from the features"
    if name in (contract.entity_key, contract.event_time, contract.transaction_id):
        return "is the entity key, the event time or the id; rename the feature"
    if iskeyword(name) or not name.isascii() or not name.isidentifier():
        return "is not a valid name; use letters, digits and underscores, and no Python keyword"
    return None


def _check_sources(contract: Contract, file: str) -> None:
    targets = {
        *contract.raw,
        contract.label.name,
        contract.entity_key,
        contract.event_time,
        contract.transaction_id,
    }
    for source, target in contract.sources.items():
        if target not in targets:
            raise _fault(
                file,
                key=f"sources.{source}",
                value=target,
                remedy=f"is not a column of the contract; known are {', '.join(sorted(targets))}",
            )


def _check_expression(derived: Derived, contract: Contract, file: str) -> None:
    try:
        contract.formula(derived)
    except BadExpression as error:
        key = f"derived.{derived.name}.expression"
        raise _fault(
            file,
            key=key,
            value=error.part,
            remedy=error.remedy,
        ) from error


def _mapping(value: Any, file: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _fault(
            file,
            key=key,
            value=value,
            remedy="must be a mapping of names to settings",
        )
    for name in value:
        if not isinstance(name, str):
            raise _fault(
                file,
                key=key,
                value=name,
                remedy="is not a name; put it in quotes, or start it with a letter",
            )
    return value


def _text(top: Mapping[str, Any], key: str, file: str) -> str:
    value = top.get(key)
    if not isinstance(value, str) or not value:
        raise _fault(
            file,
            key=key,
            value=value,
            remedy="must be a name; every contract needs it",
        )
    return value


def _convert(value: Any, kind: type[T], *, file: str, key: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault = schema_fault(error)
        # The name of a feature is its key in the document, and not one of its settings.
        settings = list(kind.__struct_fields__)
        if kind is not LabelColumn:
            settings.remove("name")
        remedies = {
            "missing": "is missing; add it",
            "unknown": f"is not a setting; known are {', '.join(settings)}",
            "rule": fault.rule,
        }
        parts = [str(part) for part in fault.path]
        path = ".".join([key, *parts])
        raise _fault(
            file,
            key=path,
            value=fault.value(value),
            remedy=remedies[fault.fault],
        ) from error


def _fault(file: str, *, key: str, value: Any, remedy: str) -> UseCaseError:
    return UseCaseError(f"{file}: {key}: {value!r} {remedy}")
