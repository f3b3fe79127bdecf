"""The differences between two contracts, each with its kind."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from pipelines.errors import UseCaseError
from pipelines.rules.use_case import change_kinds as kinds
from pipelines.rules.use_case.change_kinds import ChangeKind
from pipelines.rules.use_case.contract import OTHER, Contract, Feature, LabelColumn

IDENTITIES = ("entity_key", "event_time", "transaction_id")
Range = tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference: the key of the contract, with its former and its new value."""

    kind: ChangeKind
    key: str
    former: Any = None
    new: Any = None

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.former)} → {_shown(self.new)}"


def changes(former: Contract, new: Contract) -> list[Change]:
    """List what differs from `former` in `new`; empty when they are equal."""
    listed = [
        *_identities(former, new),
        *_features(former, new),
        *_derived(former, new),
        *_directions(former, new),
        *_label(former.label, new.label),
    ]
    if former.hash != new.hash and not listed:
        listed.append(Change(kind=kinds.SPELLING, key="contract"))
    return [*listed, *_words(former, new)]


def refused(listed: Iterable[Change]) -> list[Change]:
    """Return the changes that are not applied."""
    return [change for change in listed if change.kind.refused]


def require_applicable(former: Contract, new: Contract, *, file: str) -> None:
    """Raise UseCaseError, which names the change and the remedy, if one of them is refused."""
    for change in refused(changes(former, new)):
        raise UseCaseError(
            f"{file}: {change}: {change.kind.name}, which is not applied: {change.kind.refused}"
        )


def _identities(former: Contract, new: Contract) -> Iterator[Change]:
    for key in IDENTITIES:
        names = (getattr(former, key), getattr(new, key))
        if names[0] != names[1]:
            yield Change(kind=kinds.IDENTITY, key=key, former=names[0], new=names[1])


def _features(former: Contract, new: Contract) -> Iterator[Change]:
    before = {feature.name: feature for feature in former.features}
    after = {feature.name: feature for feature in new.features}
    was_derived = {feature.name for feature in former.derived}
    is_derived = {feature.name for feature in new.derived}
    for name, feature in after.items():
        key = f"features.{name}"
        if name in before:
            yield from _feature(key, before[name], feature)
        elif name in was_derived:
            yield Change(kind=kinds.KIND, key=key, former="derived", new="raw")
        else:
            kind = kinds.ADDED_NULLABLE if feature.nullable else kinds.ADDED_REQUIRED
            yield Change(kind=kind, key=key, new=feature.type)
    for name, feature in before.items():
        if name in is_derived:
            yield Change(kind=kinds.KIND, key=f"derived.{name}", former="raw", new="derived")
        elif name not in after:
            yield Change(kind=kinds.REMOVED, key=f"features.{name}", former=feature.type)
    yield from _order("features", former.raw, new.raw)


def _feature(key: str, former: Feature, new: Feature) -> Iterator[Change]:
    if former.type != new.type:
        kind = _number_kind(former.type, new.type)
        yield Change(kind=kind, key=f"{key}.type", former=former.type, new=new.type)
        if kind is kinds.TYPE:
            return  # the other settings belong to the type
    if former.nullable != new.nullable:
        kind = kinds.NULLABLE if new.nullable else kinds.REQUIRED
        yield Change(kind=kind, key=f"{key}.nullable", former=former.nullable, new=new.nullable)
    if former.range != new.range:
        kind = kinds.WIDENED if _contains(new.range, former.range) else kinds.NARROWED
        yield Change(kind=kind, key=f"{key}.range", former=former.range, new=new.range)
    yield from _categories(f"{key}.values", former, new)
    for setting, kind in (
        ("missing", kinds.MISSING),
        ("unknown", kinds.UNKNOWN),
        ("beyond", kinds.BEYOND),
    ):
        values = (getattr(former, setting), getattr(new, setting))
        if values[0] != values[1]:
            yield Change(kind=kind, key=f"{key}.{setting}", former=values[0], new=values[1])


def _number_kind(former: str, new: str) -> ChangeKind:
    if (former, new) == ("int", "float"):
        return kinds.NUMBER_WIDER
    return kinds.NUMBER_NARROWER if (former, new) == ("float", "int") else kinds.TYPE


def _categories(key: str, former: Feature, new: Feature) -> Iterator[Change]:
    """Yield the changes of the listed categories; `other` follows from `unknown`."""
    before = _listed(former)
    after = _listed(new)
    if added := [value for value in after if value not in before]:
        yield Change(kind=kinds.CATEGORY_ADDED, key=key, new=added)
    if removed := [value for value in before if value not in after]:
        yield Change(kind=kinds.CATEGORY_REMOVED, key=key, former=removed)
    yield from _order(key, before, after)


def _listed(feature: Feature) -> tuple[str, ...]:
    implied = OTHER if feature.unknown == "other" else None
    return tuple(value for value in feature.values if value != implied)


def _order(key: str, former: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    kept = [name for name in former if name in new]
    ordered = [name for name in new if name in former]
    if kept != ordered:
        is_category = key.endswith(".values")
        kind = kinds.CATEGORIES_REORDERED if is_category else kinds.FEATURES_REORDERED
        yield Change(kind=kind, key=key, former=kept, new=ordered)


def _derived(former: Contract, new: Contract) -> Iterator[Change]:
    before = {feature.name: feature.expression for feature in former.derived}
    after = {feature.name: feature.expression for feature in new.derived}
    for name, expression in after.items():
        key = f"derived.{name}"
        if name not in before:
            if name not in former.raw:
                yield Change(kind=kinds.DERIVED_ADDED, key=key, new=expression)
        elif before[name] != expression:
            yield Change(kind=kinds.EXPRESSION, key=key, former=before[name], new=expression)
    for name, expression in before.items():
        if name not in after and name not in new.raw:
            yield Change(kind=kinds.DERIVED_REMOVED, key=f"derived.{name}", former=expression)
    yield from _order("derived", tuple(before), tuple(after))


def _directions(former: Contract, new: Contract) -> Iterator[Change]:
    """Yield the changed directions of features that both contracts have."""
    before = _monotone(former)
    for key, direction in _monotone(new).items():
        if before.get(key, direction) != direction:
            yield Change(
                kind=kinds.DIRECTION,
                key=f"{key}.monotone",
                former=before[key],
                new=direction,
            )


def _monotone(contract: Contract) -> dict[str, str]:
    raw: dict[str, str] = {f"features.{item.name}": item.monotone for item in contract.features}
    derived = {f"derived.{item.name}": item.monotone for item in contract.derived}
    return raw | derived


def _label(former: LabelColumn, new: LabelColumn) -> Iterator[Change]:
    classes = ("positive", "negative")
    before = {name: _values(getattr(former, name)) for name in classes}
    after = {name: _values(getattr(new, name)) for name in classes}
    for name, other in (classes, classes[::-1]):
        key = f"label.{name}"
        if swapped := [value for value in after[name] if value in before[other]]:
            yield Change(kind=kinds.LABEL_SWAPPED, key=key, former=other, new=swapped)
        elif set(before[name]) != set(after[name]):
            yield Change(kind=kinds.LABEL_VALUES, key=key, former=before[name], new=after[name])
    for setting in ("name", "unlabelled"):
        values = (getattr(former, setting), getattr(new, setting))
        if values[0] != values[1]:
            key = f"label.{setting}"
            yield Change(kind=kinds.FILE_LABEL, key=key, former=values[0], new=values[1])


def _values(listed: Any) -> tuple[Any, ...]:
    return listed if isinstance(listed, tuple) else (listed,)


def _words(former: Contract, new: Contract) -> Iterator[Change]:
    for key in ("title", "description"):
        values = (getattr(former, key), getattr(new, key))
        if values[0] != values[1]:
            yield Change(kind=kinds.WORDS, key=key, former=values[0], new=values[1])
    settings_before, settings_after = _settings_of_files(former), _settings_of_files(new)
    for key in sorted(settings_before | settings_after):
        settings = (settings_before.get(key), settings_after.get(key))
        if settings[0] != settings[1]:
            yield Change(kind=kinds.WORDS, key=key, former=settings[0], new=settings[1])
    if former.label.description != new.label.description:
        yield Change(
            kind=kinds.WORDS,
            key="label.description",
            former=former.label.description,
            new=new.label.description,
        )
    before = _descriptions(former)
    for key, text in _descriptions(new).items():
        if before.get(key, text) != text:
            yield Change(kind=kinds.WORDS, key=key, former=before[key], new=text)


def _settings_of_files(contract: Contract) -> dict[str, Any]:
    """Return how the files of a contract are written, and which column each of theirs is."""
    csv = {f"csv.{key}": value for key, value in structs.asdict(contract.csv).items()}
    return csv | {f"sources.{name}": column for name, column in contract.sources.items()}


def _descriptions(contract: Contract) -> dict[str, str]:
    raw = {f"features.{item.name}.description": item.description for item in contract.features}
    derived = {f"derived.{item.name}.description": item.description for item in contract.derived}
    return raw | derived


def _contains(outer: Range, inner: Range) -> bool:
    if outer is None or inner is None:
        return outer is None
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "none"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
