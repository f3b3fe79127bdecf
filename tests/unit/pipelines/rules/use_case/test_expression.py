"""Every accepted expression computes, in doubles; others are refused with the remedy."""

import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rules.use_case.contract import Derived
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.rules.use_case.expression import FUNCTIONS, BadExpression, read_formula
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")
NUMBERS = [feature.name for feature in CONTRACT.features if feature.type != "category"]
ROWS = np.vstack(
    [
        np.zeros(len(CONTRACT.raw)),
        np.linspace(0.5, 3, len(CONTRACT.raw)),
        np.full(len(CONTRACT.raw), -2.0),
    ]
)

leaves = st.one_of(
    st.sampled_from(NUMBERS), st.integers(-3, 2**40).map(str), st.floats(0, 9).map(repr)
)


def grow(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Larger expressions from smaller ones, sound or not."""
    operators = st.sampled_from(
        ["+", "-", "*", "/", "//", "%", "**", "<", ">=", "==", "&", "|", "@"]
    )
    call = st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})",
        st.sampled_from(sorted(FUNCTIONS)),
        st.lists(parts, max_size=3),
    )
    return st.one_of(
        st.builds(lambda a, op, b: f"({a} {op} {b})", parts, operators, parts),
        st.builds(lambda a: f"-({a})", parts),
        st.builds(lambda a, b, c: f"where({a} > {b}, {b}, {c})", parts, parts, parts),
        st.builds(lambda a, b, c: f"({a} < {b} < {c})", parts, parts, parts),
        call,
    )


@settings(max_examples=300)
@given(st.recursive(leaves, grow, max_leaves=8))
def test_what_is_accepted_computes(expression: str) -> None:
    try:
        read_formula(expression, NUMBERS)
    except BadExpression:
        return
    contract = msgspec.structs.replace(
        CONTRACT, derived=(Derived(expression=expression, name="made"),)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = Deriver(contract)(ROWS)
        alone = np.vstack([Deriver(contract)(row[None]) for row in ROWS])
    np.testing.assert_array_equal(together, alone)
    assert not np.isinf(together).any()


def test_whole_numbers_do_not_overflow() -> None:
    contract = msgspec.structs.replace(
        CONTRACT,
        derived=(Derived(expression=f"where({NUMBERS[0]} > -9, 2000000000, 1) * 4", name="made"),),
    )
    assert Deriver(contract)(ROWS)[0, -1] == 8e9


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        ("where(a)", "it takes 3"),
        ("a // 2", "only arithmetic"),
        ("a @ b", "only arithmetic"),
        ("0 < a < 1", r"\\(a < b\\) &"),
        ("where(a, 1, 0)", "compare it"),
        ("log(a > 1)", "make it a number"),
        ("a and b", "only arithmetic"),
        ("where(0 > -1, 1, a)", "compare a feature"),
        ("1 / 0 * a", "correct the constants"),
        ("a / (1 - 1)", "divides by zero"),
        ("log(2) * a", "write its value"),
        ("3 + 4", "names no feature"),
        ("a * 1e999", "finite"),
        ("log(a, b=1)", "only arithmetic"),
        ("__import__('os')", "is not a function"),
        ("a.b", "only arithmetic"),
        ("(" * 300 + "a" + ")" * 300, "can't be read"),
        ("a + " * 400 + "a", "longer than"),
    ],
)
def test_what_can_not_be_computed_is_refused_with_what_to_do(expression: str, remedy: str) -> None:
    with pytest.raises(BadExpression, match=remedy.replace("\\\\", "\\")):
        read_formula(expression, ["a", "b"])


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        pytest.param("-" * 900 + NUMBERS[0], "nested too deep", id="a thousand signs"),
        pytest.param(
            "~" * 400 + f"({NUMBERS[0]} > 1)",
            "nested too deep",
            id="a truth value inverted many times",
        ),
        pytest.param(
            f"{NUMBERS[0]} + 1{'0' * 400}", "too large", id="a whole number that is no double"
        ),
        pytest.param(f"{NUMBERS[0]} + 1e999", "too large", id="infinity"),
        pytest.param(f"{NUMBERS[0]}.__class__", "uses Attribute", id="an attribute"),
        pytest.param(
            "__import__('os').system('true')", "uses Call", id="a call of what is no function here"
        ),
        pytest.param(f"[{NUMBERS[0]} for x in ()]", "uses ListComp", id="a comprehension"),
        pytest.param(f"(lambda: {NUMBERS[0]})()", "uses Call", id="a lambda"),
    ],
)
def test_a_hostile_expression_is_refused_by_name(expression: str, remedy: str) -> None:
    with pytest.raises(BadExpression, match=remedy):
        read_formula(expression, NUMBERS)


@settings(max_examples=300)
@given(st.text(max_size=80))
def test_no_text_escapes_the_reader(expression: str) -> None:
    try:
        read_formula(expression, NUMBERS)
    except BadExpression:
        return
