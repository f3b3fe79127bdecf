"""The contract of a use case: what a transaction is made of, and what a model may be fed.

One source for the pandera schema, the API's request model, the simulator, the drift columns and the model's input order.
"""

import hashlib
import math
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any, Literal, TypeVar

import msgspec

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.expression import BadExpression, Formula, read_formula
from pipelines.rules.use_case.schema_error import misfit

T = TypeVar("T", bound=msgspec.Struct)
TYPES = ("float", "int", "bool", "category")


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One raw feature; `range` is inclusive, `values` are the categories in the order of their indexes."""

    type: Literal["float", "int", "bool", "category"]
    name: str = ""
    range: tuple[float, float] | None = None
    values: tuple[str, ...] = ()
    nullable: bool = False
    description: str = ""

    def as_number(self, value: Any) -> float:
        """Turn an accepted value into what is logged: missing is NaN, a category its index."""
        if value is None:
            return float("nan")
        return float(self.values.index(value)) if self.type == "category" else float(value)


class Derived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature computed from raw ones by a numexpr expression."""

    expression: str
    name: str = ""
    description: str = ""


class LabelColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The truth that arrives later."""

    name: str
    positive: int | str | bool = 1
    description: str = ""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A checked contract; `columns` is the order in which features are logged and fed to models."""

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
        """Names of the raw features, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all features: raw, then derived."""
        return (*self.raw, *(derived.name for derived in self.derived))

    @property
    def categories(self) -> tuple[int, ...]:
        """Number of categories of each column, 0 for a number."""
        raw = (
            len(feature.values) if feature.type == "category" else 0 for feature in self.features
        )
        return (*raw, *(0 for _ in self.derived))

    def formula(self, derived: Derived) -> Formula:
        """A derived feature's expression, checked."""
        return read_formula(
            derived.expression,
            [feature.name for feature in self.features if feature.type != "category"],
        )

    @property
    def hash(self) -> str:
        """Identity of what a model depends on: words for people and column renames are left out."""
        essence = {
            "use_case": self.use_case,
            "label": [self.label.name, self.label.positive],
            "features": [(f.name, f.type, f.range, f.values, f.nullable) for f in self.features],
            "derived": [(d.name, d.expression) for d in self.derived],
        }
        return hashlib.sha256(msgspec.json.encode(essence, order="deterministic")).hexdigest()[:16]


def parse_contract(document: Any, *, use_case: str, file: str) -> Contract:
    """Check a contract's document and return it; the first fault raises UseCaseError with file, key, value and remedy."""
    top = _mapping(document, file, "the file")
    known = {
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
    for key in top.keys() - known:
        raise _fault(
            file, key, top[key], f"is not a key of a contract; known are {', '.join(sorted(known))}"
        )
    label = _convert(top.get("label"), LabelColumn, file, "label")
    features = tuple(
        msgspec.structs.replace(_feature(value, file, f"features.{name}"), name=name)
        for name, value in _mapping(top.get("features"), file, "features").items()
    )
    derived = tuple(
        msgspec.structs.replace(_convert(value, Derived, file, f"derived.{name}"), name=name)
        for name, value in _mapping(top.get("derived") or {}, file, "derived").items()
    )
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
        sources={
            str(k): str(v) for k, v in _mapping(top.get("sources") or {}, file, "sources").items()
        },
    )
    _check_names(contract, file)
    for feature in derived:
        _check_expression(feature, contract, file)
    return contract


def _feature(value: Any, file: str, key: str) -> Feature:
    given = _mapping(value, file, key)
    if given.get("type") not in TYPES:
        raise _fault(
            file, f"{key}.type", given.get("type"), f"is not a type; use one of {', '.join(TYPES)}"
        )
    feature = _convert(given, Feature, file, key)
    if feature.range and not all(map(math.isfinite, feature.range)):
        raise _fault(
            file,
            f"{key}.range",
            list(feature.range),
            "is not finite; write two numbers, or leave the range out",
        )
    if feature.range and feature.range[0] >= feature.range[1]:
        raise _fault(
            file, f"{key}.range", list(feature.range), "is upside down; write [lowest, highest]"
        )
    if feature.type == "category" and (
        not feature.values or len(set(feature.values)) < len(feature.values)
    ):
        raise _fault(
            file,
            f"{key}.values",
            list(feature.values),
            "must list each category once; add `values: [a, b]`",
        )
    if feature.type != "category" and feature.values:
        raise _fault(
            file,
            f"{key}.values",
            list(feature.values),
            "is only for categories; remove it or use `type: category`",
        )
    if feature.type in ("bool", "category") and feature.range:
        raise _fault(
            file,
            f"{key}.range",
            list(feature.range),
            f"makes no sense for a {feature.type}; remove it",
        )
    return feature


def _check_names(contract: Contract, file: str) -> None:
    if not contract.features:
        raise _fault(file, "features", {}, "is empty; a model needs at least one feature")
    reserved = {
        contract.label.name,
        contract.entity_key,
        contract.event_time,
        contract.transaction_id,
    }
    for name in contract.columns:
        if name == contract.label.name:
            raise _fault(
                file,
                f"features.{name}",
                name,
                "is the label; a model must not see it, remove it from the features",
            )
        if name in reserved:
            raise _fault(
                file,
                f"features.{name}",
                name,
                "is the entity key, the event time or the id; rename the feature",
            )
        if not (name.isascii() and name.isidentifier()) or iskeyword(name):
            raise _fault(
                file,
                f"features.{name}",
                name,
                "is not a plain name; use letters, digits and underscores, and no word of Python",
            )
        if contract.columns.count(name) > 1:
            raise _fault(
                file,
                f"derived.{name}",
                name,
                "is already a raw feature; give the derived one another name",
            )
    targets = set(contract.raw) | reserved
    for source, target in contract.sources.items():
        if target not in targets:
            raise _fault(
                file,
                f"sources.{source}",
                target,
                f"is no column of the contract; known are {', '.join(sorted(targets))}",
            )


def _check_expression(derived: Derived, contract: Contract, file: str) -> None:
    try:
        contract.formula(derived)
    except BadExpression as error:
        raise _fault(
            file, f"derived.{derived.name}.expression", error.part, error.remedy
        ) from error


def _mapping(value: Any, file: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _fault(file, key, value, "must be a mapping of names to settings")
    for name in value:
        if not isinstance(name, str):
            raise _fault(
                file, key, name, "is not a name; put it in quotes, or start it with a letter"
            )
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
        wrong = misfit(error)
        where = ".".join([key, *map(str, wrong.path)])
        known = ", ".join(
            name for name in kind.__struct_fields__ if name != "name" or kind is LabelColumn
        )
        remedy = {
            "missing": "is missing; add it",
            "unknown": f"is no setting; known are {known}",
            "rule": wrong.rule,
        }
        raise _fault(file, where, wrong.value(value), remedy[wrong.fault]) from error


def _fault(file: str, key: str, value: Any, remedy: str) -> UseCaseError:
    return UseCaseError(f"{file}: {key}: {value!r} {remedy}")
