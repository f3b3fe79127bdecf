"""The contract of a use case: the columns of a transaction, and the input columns of its models.

It is the one source for the pandera schema, the API's request model, the simulator, the drift
columns and the order of the model's inputs.
"""

import hashlib
import math
from collections.abc import Mapping
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
    """A raw feature.

    `range` is inclusive; `values` are the categories in the order of their indexes.
    """

    type: Literal["float", "int", "bool", "category"]
    name: str = ""
    range: tuple[float, float] | None = None
    values: tuple[str, ...] = ()
    nullable: bool = False
    description: str = ""

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
    name: str = ""
    description: str = ""


class LabelColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column of the label, which arrives after the prediction."""

    name: str
    positive: int | str | bool = 1
    description: str = ""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A checked contract; features are logged and given to models in the order of `columns`."""

    use_case: str
    title: str
    entity_key: str
    event_time: str
    transaction_id: str
    label: LabelColumn
    features: tuple[Feature, ...]
    derived: tuple[Derived, ...]
    sources: dict[str, str]
    description: str = ""

    @property
    def raw(self) -> tuple[str, ...]:
        """The names of the raw features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all features: raw, then derived."""
        return (*self.raw, *(derived.name for derived in self.derived))

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
        return hashlib.sha256(msgspec.json.encode(essence, order="deterministic")).hexdigest()[:16]


def parse_contract(document: Any, *, use_case: str, file: str) -> Contract:
    """Check a contract's document and return the contract.

    The first fault raises UseCaseError, which names file, key, value and remedy.
    """
    top = _mapping(document, file, "the file")
    for key in top.keys() - KEYS:
        remedy = f"is not a key of a contract; known are {', '.join(sorted(KEYS))}"
        raise _fault(file, key, top[key], remedy)
    label = _convert(top.get("label"), LabelColumn, file, "label")
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
    features = []
    for name, value in _mapping(top.get("features"), file, "features").items():
        feature = _feature(value, file, f"features.{name}")
        features.append(msgspec.structs.replace(feature, name=name))
    return tuple(features)


def _derived(top: Mapping[str, Any], file: str) -> tuple[Derived, ...]:
    features = []
    for name, value in _mapping(top.get("derived") or {}, file, "derived").items():
        feature = _convert(value, Derived, file, f"derived.{name}")
        features.append(msgspec.structs.replace(feature, name=name))
    return tuple(features)


def _sources(top: Mapping[str, Any], file: str) -> dict[str, str]:
    sources = _mapping(top.get("sources") or {}, file, "sources")
    return {str(source): str(target) for source, target in sources.items()}


def _feature(value: Any, file: str, key: str) -> Feature:
    settings = _mapping(value, file, key)
    type_ = settings.get("type")
    if type_ not in TYPES:
        raise _fault(file, f"{key}.type", type_, f"is not a type; use one of {', '.join(TYPES)}")
    feature = _convert(settings, Feature, file, key)
    remedy = _range_fault(feature)
    if remedy:
        raise _fault(file, f"{key}.range", list(feature.range or ()), remedy)
    remedy = _values_fault(feature)
    if remedy:
        raise _fault(file, f"{key}.values", list(feature.values), remedy)
    if feature.range and feature.type in ("bool", "category"):
        remedy = f"does not apply to a {feature.type}; remove it"
        raise _fault(file, f"{key}.range", list(feature.range), remedy)
    return feature


def _range_fault(feature: Feature) -> str | None:
    if not feature.range:
        return None
    low, high = feature.range
    if not math.isfinite(low) or not math.isfinite(high):
        return "is not finite; write two numbers, or leave the range out"
    if low >= high:
        return "is reversed; write [lowest, highest]"
    return None


def _values_fault(feature: Feature) -> str | None:
    if feature.type != "category":
        if not feature.values:
            return None
        return "is only for categories; remove it or use `type: category`"
    if not feature.values or len(set(feature.values)) < len(feature.values):
        return "must list each category once; add `values: [a, b]`"
    return None


def _check_features(contract: Contract, file: str) -> None:
    if not contract.features:
        raise _fault(file, "features", {}, "is empty; a model needs at least one feature")
    for name in contract.columns:
        remedy = _name_fault(name, contract)
        if remedy:
            raise _fault(file, f"features.{name}", name, remedy)
        if contract.columns.count(name) > 1:
            remedy = "is already a raw feature; give the derived one another name"
            raise _fault(file, f"derived.{name}", name, remedy)


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
            remedy = f"is not a column of the contract; known are {', '.join(sorted(targets))}"
            raise _fault(file, f"sources.{source}", target, remedy)


def _check_expression(derived: Derived, contract: Contract, file: str) -> None:
    try:
        contract.formula(derived)
    except BadExpression as error:
        key = f"derived.{derived.name}.expression"
        raise _fault(file, key, error.part, error.remedy) from error


def _mapping(value: Any, file: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _fault(file, key, value, "must be a mapping of names to settings")
    for name in value:
        if not isinstance(name, str):
            remedy = "is not a name; put it in quotes, or start it with a letter"
            raise _fault(file, key, name, remedy)
    return value


def _text(top: Mapping[str, Any], key: str, file: str) -> str:
    value = top.get(key)
    if not isinstance(value, str) or not value:
        raise _fault(file, key, value, "must be a name; every contract needs it")
    return value


def _convert(value: Any, kind: type[T], file: str, key: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault = schema_fault(error)
        # The name of a feature is its key in the document, and not one of its settings.
        settings = [
            name for name in kind.__struct_fields__ if name != "name" or kind is LabelColumn
        ]
        remedies = {
            "missing": "is missing; add it",
            "unknown": f"is not a setting; known are {', '.join(settings)}",
            "rule": fault.rule,
        }
        path = ".".join([key, *map(str, fault.path)])
        raise _fault(file, path, fault.value(value), remedies[fault.fault]) from error


def _fault(file: str, key: str, value: Any, remedy: str) -> UseCaseError:
    return UseCaseError(f"{file}: {key}: {value!r} {remedy}")
