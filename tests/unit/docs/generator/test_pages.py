"""The generated pages are those that the code gives now."""

import pytest

from docs.generator.pages import PAGES, REFERENCE
from pipelines.settings import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    stored = (REFERENCE / name).read_text()
    assert stored == PAGES[name](), f"docs/reference/{name} is stale: run `make docs`"


@pytest.mark.parametrize("name", [*PAGES, "tables.md"])
def test_a_generated_page_is_the_same_wherever_it_is_written(name: str) -> None:
    text = (REFERENCE / name).read_text()
    assert str(ROOT) not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
