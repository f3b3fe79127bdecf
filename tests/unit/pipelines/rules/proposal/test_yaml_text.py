"""YAML that a person can read."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.proposal.yaml_text import flow, key_lines

VALUES = st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none())


def test_a_setting_is_a_line_with_its_comment() -> None:
    document = {"title": "A: b", "gates": {"recall": 0.5}}
    assert key_lines(document, {"gates.recall": "seen"}) == (
        "title: 'A: b'\ngates:\n  recall: 0.5  # seen\n"
    )


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.one_of(
            VALUES,
            st.lists(VALUES, max_size=4),
            st.dictionaries(st.text(min_size=1, max_size=5), VALUES, min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_yaml_reads_what_was_written(document: dict[str, object]) -> None:
    assert yaml.safe_load(key_lines(document, {})) == document


def test_a_value_is_on_one_line() -> None:
    assert flow(["a b", 1.5, None, True, "no"]) == "[a b, 1.5, null, true, 'no']"
