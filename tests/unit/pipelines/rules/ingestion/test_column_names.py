"""Each column of a file is one column of the contract, or the file is refused in one line."""

import pytest
import yaml

from pipelines.errors import DataError
from pipelines.rules.ingestion.column_names import column_names
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

FILE = ["transaction_id", "customer_id", "event_time", "defaulted", "Salary", "employed", "grade"]
COLUMNS = [*FILE, "dependents"]


@pytest.fixture
def contract() -> Contract:
    document = yaml.safe_load(GOOD)
    document["sources"] |= {"Income": "salary", "loan": "transaction_id", "Outcome": "defaulted"}
    return parse_contract(document, use_case="loan", file="loan/contract.yaml")


def test_columns_get_the_contracts_names_and_others_are_left_out(contract: Contract) -> None:
    names = column_names([*COLUMNS, "comment", "", ""], contract)
    assert names == {name: name for name in COLUMNS} | {"Salary": "salary"}


@pytest.mark.parametrize(
    ("columns", "name", "target"),
    [
        pytest.param([" grade ", *COLUMNS[:-2], "dependents"], " grade ", "grade", id="blanks"),
        pytest.param(
            ["\ufefftransaction_id", *COLUMNS[1:]],
            "\ufefftransaction_id",
            "transaction_id",
            id="a byte order mark",
        ),
        pytest.param(
            ["Salary\r" if name == "Salary" else name for name in COLUMNS],
            "Salary\r",
            "salary",
            id="a blank around a source name",
        ),
    ],
)
def test_blanks_around_a_name_do_not_count(
    contract: Contract, columns: list[str], name: str, target: str
) -> None:
    assert column_names(columns, contract)[name] == target


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param(
            ["salary"],
            "the columns 'Salary' and 'salary' are both 'salary' of the contract: remove one",
            id="a feature by its name and its source name",
        ),
        pytest.param(
            ["Income"],
            "the columns 'Salary' and 'Income' are both 'salary'",
            id="two source names of one feature",
        ),
        pytest.param(
            ["loan"],
            "the columns 'transaction_id' and 'loan' are both 'transaction_id'",
            id="the id under two names",
        ),
        pytest.param(
            ["Outcome"],
            "the columns 'defaulted' and 'Outcome' are both 'defaulted'",
            id="the label under two names",
        ),
        pytest.param(
            [" grade"],
            "the columns 'grade' and ' grade' are both 'grade'",
            id="names that differ in blanks",
        ),
        pytest.param(["grade"], "the header has grade twice", id="one name twice"),
    ],
)
def test_two_columns_that_are_one_are_named(
    contract: Contract, more: list[str], message: str
) -> None:
    with pytest.raises(DataError) as refused:
        column_names([*COLUMNS, *more], contract)
    assert str(refused.value).startswith(message)


def test_a_missing_column_is_named_with_those_that_there_are(contract: Contract) -> None:
    with pytest.raises(DataError, match=r"no column for grade, dependents: .* the file has .*Sal"):
        column_names(COLUMNS[:-2], contract)
