"""Tables and pages are valid Markdown, whatever their cells hold."""

from docs.generator.markdown import NOTE, code, page, table


def test_a_bar_in_a_cell_does_not_begin_another_cell() -> None:
    assert table(("key", "meaning"), [("a|b", "")]) == "| key | meaning |\n|---|---|\n| a\\|b | |"


def test_a_page_has_its_title_first_and_leaves_out_empty_parts() -> None:
    assert page("Title", "one", "", "two") == f"# Title\n\n{NOTE}\n\none\n\ntwo\n"


def test_an_empty_text_is_no_code() -> None:
    assert (code("x"), code("")) == ("`x`", "")
