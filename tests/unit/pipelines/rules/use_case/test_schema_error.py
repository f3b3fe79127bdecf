"""Which value of a document breaks a schema, read from msgspec's message."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from pipelines.rules.use_case.schema_error import SchemaFault, schema_fault


class Bin(msgspec.Struct, forbid_unknown_fields=True):
    edge: Annotated[float, Meta(ge=0)]


class Document(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    bins: list[Bin] = []
    by_name: dict[str, int] = {}


def fault_of(document: dict[str, Any]) -> SchemaFault:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(document, Document)
    return schema_fault(caught.value)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {},
            SchemaFault(fault="missing", path=("name",), rule=""),
            id="a missing field of the document",
        ),
        pytest.param(
            {"name": "a", "bins": [{"edge": 1.0}, {}]},
            SchemaFault(fault="missing", path=("bins", 1, "edge"), rule=""),
            id="a missing field of the second item",
        ),
        pytest.param(
            {"name": "a", "colour": "red"},
            SchemaFault(fault="unknown", path=("colour",), rule=""),
            id="an unknown field",
        ),
        pytest.param(
            {"name": "a", "bins": [{"edge": 1.0, "egde": 2}]},
            SchemaFault(fault="unknown", path=("bins", 0, "egde"), rule=""),
            id="an unknown field of an item",
        ),
        pytest.param(
            {"name": 7},
            SchemaFault(fault="rule", path=("name",), rule="must be text, and is a whole number"),
            id="a value of another type",
        ),
        pytest.param(
            {"name": "a", "bins": [{"edge": -1.0}]},
            SchemaFault(fault="rule", path=("bins", 0, "edge"), rule="must be a number >= 0.0"),
            id="a value out of bounds",
        ),
    ],
)
def test_a_fault_leads_to_its_field(document: dict[str, Any], expected: SchemaFault) -> None:
    assert fault_of(document) == expected


@given(st.text(min_size=1).filter(lambda name: name not in ("name", "bins", "by_name")))
def test_an_unknown_field_is_named_whatever_its_name_looks_like(name: str) -> None:
    fault = fault_of({"name": "a", name: 1})
    assert (fault.fault, fault.path) == ("unknown", (name,))


def test_a_name_that_looks_like_a_place_is_still_a_name() -> None:
    name = "x - at `$.bins[0]"
    assert fault_of({"name": "a", name: 1}).path == (name,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("bins", 0, "edge"), -1.0, id="a value in a list"),
        pytest.param(("bins", 3), None, id="no item of that number"),
        pytest.param(("name", "first"), None, id="a text has no fields"),
        pytest.param((), {"name": "a", "bins": [{"edge": -1.0}]}, id="the document itself"),
    ],
)
def test_the_value_is_taken_from_the_document(path: tuple[str | int, ...], value: object) -> None:
    document = {"name": "a", "bins": [{"edge": -1.0}]}
    assert SchemaFault(fault="rule", path=path, rule="").value(document) == value
