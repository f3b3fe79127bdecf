"""The page says which versions were trained on reference rows."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.settings import ROOT

NOTE = "9 of 9 training rows are reference rows"


def page(notes: dict[int, str | None]) -> str:
    """The page as the plugin renders it, with importances of two versions."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "plugins" / "explanation_page"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    versions = [
        {"version": version, "n": 1, "all": 1, "features": [], "pictures": []} for version in (2, 1)
    ]
    return environment.get_template("page.html").render(
        use_case="fraud",
        use_cases=["fraud"],
        counts={},
        versions=versions,
        recent=[],
        failures=[],
        notes=notes,
    )


def test_the_note_is_beside_its_version() -> None:
    text = page({1: NOTE, 2: None})
    assert text.count(NOTE) == 1
    assert text.index(NOTE) > text.index("Feature importance of version 1")


def test_a_version_without_a_decision_has_no_note() -> None:
    assert "reference rows" not in page({})
