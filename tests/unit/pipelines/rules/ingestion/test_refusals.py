"""What to do about refused rows."""

import pytest
import yaml

from pipelines.rules.ingestion.refusals import REPEATED, Refusals, Sample, warnings
from pipelines.rules.use_case import label_values, spellings
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from tests.unit.pipelines.rules.use_case.test_contract import GOOD


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


def refusals_of(column: str, reason: str, *values: str) -> Refusals:
    refusals = Refusals()
    refusal = refusals.of(column, reason)
    refusal.rows = 883
    refusal.samples = [Sample(number, value) for number, value in enumerate(values)]
    return refusals


@pytest.mark.parametrize(
    ("column", "reason", "value", "message"),
    [
        pytest.param(
            "salary", spellings.ABSENT, "", "salary is missing: add `nullable: true`", id="missing"
        ),
        pytest.param(
            "salary",
            spellings.NOT_A_NUMBER,
            "12,5",
            "salary: not a number: a decimal comma? set `csv.decimal: ','` in the contract",
            id="a decimal comma",
        ),
        pytest.param(
            "salary", spellings.NOT_A_NUMBER, "1,234", "only amounts below 1,000", id="thousands"
        ),
        pytest.param(
            "salary", spellings.NOT_A_NUMBER, "?", "list it under the feature's", id="a word"
        ),
        pytest.param(
            "salary", spellings.NOT_A_NUMBER, "much", "correct the values, or list", id="any text"
        ),
        pytest.param("salary", "outside [0, 1e+06]", "-1", "widen `range` of salary", id="range"),
        pytest.param("grade", "not one of a, b", "c", "add them to `values`", id="a category"),
        pytest.param("grade", "not one of a, b", "unknown", "does it mean missing?", id="a word"),
        pytest.param("dependents", spellings.NOT_WHOLE, "1.5", "`type: float`", id="a fraction"),
        pytest.param("employed", spellings.NOT_BOOLEAN, "x", "write true or false", id="a bool"),
        pytest.param(
            "event_time", spellings.NOT_A_TIME, "31/01/2026", "csv.date_format", id="a date"
        ),
        pytest.param("event_time", spellings.NOT_A_TIME, "1767225600", "a Unix time?", id="Unix"),
        pytest.param("event_time", spellings.IN_FUTURE, "2099-01-01", "time zone", id="future"),
        pytest.param("defaulted", label_values.NEITHER, "Late", "`label.unlabelled`", id="a label"),
        pytest.param("defaulted", label_values.NO_LABEL, "", "leave the rows out", id="no label"),
        pytest.param("transaction_id", REPEATED, "7", "remove the repeated rows", id="repeated"),
        pytest.param("transaction_id", spellings.NOT_AN_ID, "", "give each row an id", id="no id"),
        pytest.param(
            "", "the row has 9 columns, the header 8", "1,2", "delimiter in quotes", id="columns"
        ),
    ],
)
def test_each_reason_has_its_fix(
    column: str, reason: str, value: str, message: str, contract: Contract
) -> None:
    (refusal,) = refusals_of(column, reason, value).listed(contract)
    assert refusal.message.startswith("883 rows: ")
    assert message in refusal.message


def test_the_most_frequent_reason_comes_first(contract: Contract) -> None:
    refusals = refusals_of("salary", spellings.ABSENT)
    refusals.of("grade", spellings.ABSENT).rows = 1000
    assert [refusal.column for refusal in refusals.listed(contract)] == ["grade", "salary"]


@pytest.mark.parametrize(
    ("value", "warning"),
    [
        pytest.param("1,234.5", "mostly values below 1,000 were kept", id="thousands"),
        pytest.param("12,5", "mostly values that are whole numbers were kept", id="decimal"),
    ],
)
def test_separators_that_keep_some_numbers_only_warn(
    value: str, warning: str, contract: Contract
) -> None:
    listed = refusals_of("salary", spellings.NOT_A_NUMBER, value).listed(contract)
    (text,) = warnings(listed, contract)
    assert warning in text
    listed = refusals_of("salary", spellings.NOT_A_NUMBER, "much").listed(contract)
    assert list(warnings(listed, contract)) == []
