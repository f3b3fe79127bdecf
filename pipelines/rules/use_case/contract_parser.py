"""Reads a contract's document and checks it."""

import math
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any, TypeVar

import msgspec

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import OTHER, Contract, Derived, Feature, LabelColumn
from pipelines.rules.use_case.csv_format import CsvFormat, csv_faults
from pipelines.rules.use_case.expression import BadExpression
from pipelines.rules.use_case.label_values import label_fault
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
    "csv",
}


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
    for setting, wrong, remedy in label_fault(label):
        raise _fault(file, key=f"label.{setting}", value=wrong, remedy=remedy)
    features = _features(top, file)
    derived = _derived(top, file)
    contract = Contract(
        use_case=use_case,
        title=_text(top, "title", file),
        description=str(top.get("description", "")),
        entity_key=_text(top, "entity_key", file),
        event_time=_text(top, "event_time", file) if "event_time" in top else "",
        transaction_id=_text(top, "transaction_id", file),
        label=label,
        features=features,
        derived=derived,
        sources=_sources(top, file),
        csv=_csv_format(top, file),
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


def _csv_format(top: Mapping[str, Any], file: str) -> CsvFormat:
    csv = _convert(
        top.get("csv") or {},
        CsvFormat,
        file=file,
        key="csv",
    )
    for setting, wrong, remedy in csv_faults(csv):
        raise _fault(file, key=f"csv.{setting}", value=wrong, remedy=remedy)
    return csv


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
    if feature.unknown == "other" and OTHER not in feature.values:
        return msgspec.structs.replace(feature, values=(*feature.values, OTHER))
    return feature


def _feature_faults(feature: Feature) -> Iterator[tuple[str, Any, str]]:
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
    if is_category and feature.monotone != "none":
        yield (
            "monotone",
            feature.monotone,
            "does not apply to a category, which has no order; remove it",
        )
    yield from _treatment_faults(feature)


def _treatment_faults(feature: Feature) -> Iterator[tuple[str, Any, str]]:
    """Yield the faults of what the feature does with missing, unknown and too large values."""
    is_category = feature.type == "category"
    codes = list(feature.missing or ())
    texts = [code for code in codes if isinstance(code, str)]
    if is_category and len(texts) < len(codes):
        yield (
            "missing",
            codes,
            'has a number, and the values of a category are text; put it in quotes, as in ["-7"]',
        )
    if feature.type == "bool" and feature.missing_numbers & {0.0, 1.0}:
        yield (
            "missing",
            codes,
            "has 0 or 1, which are values of a bool; remove it",
        )
    if both := [code for code in texts if code in feature.values]:
        yield (
            "missing",
            both,
            "is also a category; remove it from one of the lists",
        )
    if not all(math.isfinite(code) for code in feature.missing_numbers):
        yield (
            "missing",
            codes,
            "has a number that is not finite; remove it",
        )
    if codes and not feature.nullable:
        yield (
            "missing",
            codes,
            "needs `nullable: true`; a missing value would be refused",
        )
    if feature.unknown != "refuse" and not is_category:
        yield (
            "unknown",
            feature.unknown,
            f"does not apply to a {feature.type}; remove it",
        )
    if feature.unknown == "missing" and not feature.nullable:
        yield (
            "unknown",
            feature.unknown,
            "needs `nullable: true`; a missing value would be refused",
        )
    if feature.beyond != "refuse" and not feature.range:
        yield (
            "beyond",
            feature.beyond,
            "applies to a feature with a range; add `range: [lowest, highest]`, or remove it",
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
        contract.transaction_id,
    }
    if contract.has_times:
        targets.add(contract.event_time)
    for source, target in contract.sources.items():
        if target not in targets:
            raise _fault(
                file,
                key=f"sources.{source}",
                value=target,
                remedy=f"is not a column of the contract; known are {', '.join(sorted(targets))}",
            )
        if source == contract.label.name and target != source:
            raise _fault(
                file,
                key=f"sources.{source}",
                value=target,
                remedy="would take the label's column as another one; a model must not see it",
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
        if kind in (Feature, Derived):
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
    return UseCaseError(f"{file}: {key}: {value!r} {remedy}", key=key)
