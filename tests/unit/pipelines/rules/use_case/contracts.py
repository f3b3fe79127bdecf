"""Strategies for contracts, and for pairs of which one could replace the other."""

from typing import get_args

import msgspec
from hypothesis import strategies as st

from pipelines.rules.use_case.contract import (
    OTHER,
    Contract,
    Derived,
    Feature,
    LabelColumn,
    Monotone,
)

NAMES = ("a", "b", "c", "d", "e")
CATEGORIES = ("red", "green", "blue", "white")
TYPES = {"a": "float", "b": "int", "c": "category", "d": "bool", "e": "float"}
EXPRESSIONS = ("a + 1", "a * 2", "where(a > 0, 1 / a, 0)")
directions: st.SearchStrategy[Monotone] = st.sampled_from(get_args(Monotone))


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    """A feature whose type follows from its name, so that no change of a type is drawn."""
    type_ = TYPES[name]
    nullable = draw(st.booleans())
    feature = Feature(name=name, type=type_, nullable=nullable)  # type: ignore[arg-type]
    if type_ == "category":
        values = draw(st.permutations(CATEGORIES))[: draw(st.integers(1, 4))]
        unknown = draw(st.sampled_from(["refuse", "missing", "other"] if nullable else ["refuse"]))
        listed = (*values, OTHER) if unknown == "other" else tuple(values)
        return msgspec.structs.replace(feature, values=listed, unknown=unknown)
    if type_ in ("float", "int") and draw(st.booleans()):
        low = draw(st.integers(-5, 0))
        high = draw(st.integers(1, 5))
        beyond = draw(st.sampled_from(["refuse", "clip", "accept"]))
        feature = msgspec.structs.replace(feature, range=(float(low), float(high)), beyond=beyond)
    feature = msgspec.structs.replace(feature, monotone=draw(directions))
    if nullable and draw(st.booleans()):
        return msgspec.structs.replace(feature, missing=(-7, "none"))
    return feature


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A valid contract over some of five names; `a` is always there."""
    others = draw(st.lists(st.sampled_from(NAMES[1:]), unique=True))
    names = draw(st.permutations(["a", *others]))
    derived = draw(st.lists(st.sampled_from(["x", "y"]), unique=True))
    return Contract(
        use_case="drawn",
        title=draw(st.sampled_from(["Drawn", "Redrawn"])),
        entity_key="customer_id",
        event_time="event_time",
        transaction_id="transaction_id",
        label=LabelColumn(name="label"),
        features=tuple(draw(features(name)) for name in names),
        derived=tuple(
            Derived(
                name=name,
                expression=draw(st.sampled_from(EXPRESSIONS)),
                monotone=draw(directions),
            )
            for name in derived
        ),
        sources={},
    )
