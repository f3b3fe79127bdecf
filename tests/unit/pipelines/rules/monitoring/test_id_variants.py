"""Other spellings of an id, and what they differ in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.monitoring.id_variants import difference, id_variants
from pipelines.rules.use_case.spellings import LONGEST_ID


@pytest.mark.parametrize(
    ("label", "prediction", "differs"),
    [
        pytest.param(" t-1 ", "t-1", "blanks", id="blanks around it"),
        pytest.param("T-1", "t-1", "case", id="upper case"),
        pytest.param("t-1", "T-1", "case", id="lower case"),
        pytest.param("007", "7", "leading zeros", id="leading zeros"),
        pytest.param("7", "007", "leading zeros", id="no leading zeros"),
        pytest.param("0", "000", "leading zeros", id="zero"),
        pytest.param("7.0", "7", "a trailing .0", id="a trailing point and zero"),
        pytest.param("7", "7.0", "a trailing .0", id="no trailing point and zero"),
        pytest.param(" 007.0", "7", "a trailing .0", id="several at once"),
    ],
)
def test_the_spelling_of_the_prediction_is_among_the_variants(label, prediction, differs):
    assert prediction in id_variants(label)
    assert difference(label, prediction) == differs


def test_another_id_is_no_variant():
    assert "t-2" not in id_variants("t-1")
    assert "8" not in id_variants("7")


@given(st.text(min_size=1, max_size=LONGEST_ID))
def test_variants_are_few_distinct_valid_and_never_the_id_itself(id_):
    variants = id_variants(id_)
    assert id_ not in variants
    assert len(variants) == len(set(variants)) < 100
    assert all(0 < len(variant) <= LONGEST_ID for variant in variants)
