"""What is read of a body to refuse it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.wire.problems import Problem
from serving.wire.refusals import LARGE, NOT_SHOWN, refusal, refuse_repeated

TEXTS = st.text(alphabet='ab":\\ ,{}é', max_size=8)


@given(
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.none()), max_size=6), st.booleans()
)
def test_names_that_differ_are_never_refused(values: dict[str, object], large: bool) -> None:
    padding = " " * (LARGE if large else 0)
    body = (json.dumps(values) + padding).encode()
    refuse_repeated(body, sum(value is not None for value in values.values()))


@pytest.mark.parametrize("padding", [0, LARGE, 2**17])
def test_a_repeated_name_is_refused_in_a_body_of_any_size(padding: int) -> None:
    body = b'{"a": 1, "b": 2, "a": 3}' + b" " * padding
    with pytest.raises(Problem, match="twice"):
        refuse_repeated(body, 2)


def test_a_value_that_is_no_text_is_refused_and_not_shown() -> None:
    problem = refusal("labels", "\ud800", "must be a list")
    assert problem.members["value"] == NOT_SHOWN
    assert refusal("\ud800", 1, "is not a known field").members["field"] == "?"
