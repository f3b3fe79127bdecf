"""A refusal guesses why a value was refused, and says nothing where it has no guess."""

from typing import Any

import pytest

from pipelines.rules.use_case.contract import Feature
from pipelines.rules.use_case.likely_causes import (
    CURRENCY,
    DAY_AND_MONTH,
    DECIMAL_COMMA,
    MISSING_WORD,
    NOT_NULLABLE,
    OTHER_THOUSANDS,
    PERCENT,
    THOUSANDS,
    UNIX_TIME,
    Cause,
    likely_cause,
)

NUMBER = Feature(name="x", type="float")
NULLABLE = Feature(name="x", type="float", nullable=True)
CODED = Feature(name="x", type="float", nullable=True, missing=(-9,))
CATEGORY = Feature(name="x", type="category", values=("a",), nullable=True)


@pytest.mark.parametrize(
    ("value", "feature", "cause"),
    [
        pytest.param("1,5", NUMBER, DECIMAL_COMMA, id="a decimal comma"),
        pytest.param("1,234", NUMBER, THOUSANDS, id="a comma before three digits"),
        pytest.param("1 234 567", NUMBER, OTHER_THOUSANDS, id="blanks between digits"),
        pytest.param("1\u202f234,50", NUMBER, OTHER_THOUSANDS, id="a narrow blank"),
        pytest.param("$5", NUMBER, CURRENCY, id="a currency sign"),
        pytest.param("5.20 CHF", NUMBER, CURRENCY, id="the code of a currency"),
        pytest.param("12 %", NUMBER, PERCENT, id="a percentage"),
        pytest.param("NA", NUMBER, NOT_NULLABLE, id="a missing value that is not allowed"),
        pytest.param("?", NULLABLE, MISSING_WORD, id="a word that may mean missing"),
        pytest.param("NA", CODED, MISSING_WORD, id="a default word that the contract replaced"),
        pytest.param("NA", CATEGORY, MISSING_WORD, id="a word for no category"),
        pytest.param("1,5", CATEGORY, None, id="a number that is no category"),
        pytest.param("", NUMBER, None, id="an empty text"),
        pytest.param(None, NUMBER, None, id="null"),
        pytest.param([1], NUMBER, None, id="a list"),
        pytest.param("31.12.2026 10:00", None, DAY_AND_MONTH, id="another order of a date"),
        pytest.param(1767225600, None, UNIX_TIME, id="seconds since 1970"),
        pytest.param("1767225600000", None, UNIX_TIME, id="milliseconds since 1970"),
        pytest.param(10**400, None, None, id="a number of hundreds of digits"),
        pytest.param(float("nan"), None, None, id="NaN"),
        pytest.param(True, None, None, id="a bool as a time"),
    ],
)
def test_the_likely_cause(value: Any, feature: Feature | None, cause: Cause | None) -> None:
    assert likely_cause(value, feature) is cause
