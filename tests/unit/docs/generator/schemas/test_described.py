"""A struct's schema has the texts below its attributes, and defaults for people."""

import json
from datetime import timedelta
from typing import Literal

import pytest

from docs.generator.schemas.described import DIALECT, document, first_paragraph, schemas_of, without
from pipelines.rules.use_case.policy_sections.values import PolicySection, PositiveDuration, Share


class Inner(PolicySection, frozen=True):
    """A part.

    It has a second paragraph.
    """

    share: Share = 0.5
    """A share."""


class Outer(PolicySection, frozen=True):
    """The whole."""

    name: str
    """A name."""
    wait: PositiveDuration = timedelta(hours=25)
    """How long."""
    choice: Literal["b", "a"] = "b"
    value: int | float | str | tuple[str, ...] = 1
    inner: Inner = Inner()
    """The part."""
    nothing: str | None = None


SCHEMAS = schemas_of([Outer])
PROPERTIES = SCHEMAS["Outer"]["properties"]


def test_structs_within_structs_are_described_too() -> None:
    assert set(SCHEMAS) == {"Outer", "Inner"}
    assert SCHEMAS["Inner"]["description"] == "A part."
    assert PROPERTIES["inner"] == {"$ref": "#/$defs/Inner", "description": "The part."}
    assert SCHEMAS["Outer"]["required"] == ["name"]
    assert "required" not in SCHEMAS["Inner"]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("name", {"type": "string", "description": "A name."}),
        ("choice", {"enum": ["b", "a"], "default": "b"}),
        (
            "value",
            {
                "anyOf": [
                    {"type": ["number", "string"]},
                    {"type": "array", "items": {"type": "string"}},
                ],
                "default": 1,
            },
        ),
        ("nothing", {"type": ["string", "null"]}),
    ],
)
def test_a_field(name: str, schema: dict[str, object]) -> None:
    assert PROPERTIES[name] == schema


def test_a_duration_says_how_it_is_written() -> None:
    wait = PROPERTIES["wait"]
    assert wait["default"] == "P1DT1H"
    assert wait["description"] == "How long. A duration such as P7D or PT1H, longer than 0."
    assert wait["pattern"]


def test_a_property_can_be_left_out() -> None:
    assert set(without(SCHEMAS["Inner"], "share")["properties"]) == set()
    assert "share" in SCHEMAS["Inner"]["properties"]


def test_a_document_names_its_draft_and_its_definitions() -> None:
    text = document("Title", "About it.", SCHEMAS["Outer"], {"Inner": SCHEMAS["Inner"]})
    written = json.loads(text)
    assert (written["$schema"], written["title"]) == (DIALECT, "Title")
    assert written["description"] == "About it."
    assert list(written["$defs"]) == ["Inner"]
    assert text.endswith("}\n")
    assert first_paragraph(Outer) == "The whole."
