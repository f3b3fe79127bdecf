"""Names of features for columns of any name."""

from keyword import iskeyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.proposal.plain_names import plain_name, plain_names


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("income", "income"),
        ("AnnualSalary", "annual_salary"),
        ("LTV%", "ltv"),
        ("person.home-ownership", "person_home_ownership"),
        ("NumberOfTime30-59DaysPastDue", "number_of_time_30_59_days_past_due"),
        ("Größe (m²)", "groe_m_2"),
        ("2nd job", "column_2_nd_job"),
        ("class", "class_"),
        ("___", "column"),
        ("€", "column"),
        ("loan_amnt", "loan_amnt"),
    ],
)
def test_a_name_is_made_of_the_words_of_the_column(column: str, name: str) -> None:
    assert plain_name(column) == name


def test_names_differ_from_each_other_and_from_reserved_ones() -> None:
    names = plain_names(["A b", "a_b", "a-b", "id"], {"id"})
    assert names == {"A b": "a_b", "a_b": "a_b_2", "a-b": "a_b_3", "id": "id_2"}


@given(st.lists(st.text(max_size=90), unique=True, max_size=12))
def test_every_name_can_be_a_feature(columns: list[str]) -> None:
    names = list(plain_names(columns, {"label"}).values())
    assert len(set(names)) == len(columns)
    for name in names:
        assert name.isascii() and name.isidentifier() and not iskeyword(name)
        assert name != "label" and name == name.lower()
