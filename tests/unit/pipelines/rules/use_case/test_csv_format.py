"""The settings of CSV files are checked when the contract is read."""

from typing import Any

import pytest
import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.pipelines.rules.use_case.test_contract import GOOD


def csv_of(settings: Any) -> CsvFormat:
    document = yaml.safe_load(GOOD) | {"csv": settings}
    return parse_contract(document, use_case="loan", file="loan/contract.yaml").csv


def test_settings_are_read_and_do_not_change_the_contracts_hash() -> None:
    settings = {"delimiter": "\\t", "decimal": ",", "thousands": ".", "header": ["a", "b"]}
    csv = csv_of(settings)
    assert (csv.delimiter, csv.decimal, csv.thousands, csv.header) == ("\\t", ",", ".", ("a", "b"))
    plain = parse_contract(yaml.safe_load(GOOD), use_case="loan", file="f")
    changed = parse_contract(yaml.safe_load(GOOD) | {"csv": settings}, use_case="loan", file="f")
    assert changed.hash == plain.hash


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"delimiter": "ab"}, "csv.delimiter: 'ab' is not a delimiter", id="delimiter"),
        pytest.param({"delimiter": "."}, "csv.delimiter: '.' is not a delimiter", id="a point"),
        pytest.param({"decimal": ";"}, "csv.decimal: ';'", id="decimal"),
        pytest.param({"thousands": "x"}, "csv.thousands: 'x' is not a thousands", id="thousands"),
        pytest.param({"thousands": "."}, "is also the decimal mark", id="decimal and thousands"),
        pytest.param({"encoding": "klingon"}, "is not an encoding of text", id="encoding"),
        pytest.param({"encoding": "base64"}, "is not an encoding of text", id="no text encoding"),
        pytest.param({"date_format": "%H:%M"}, "does not have the year", id="no date"),
        pytest.param({"date_format": "%d/%m"}, "does not have the year", id="no year"),
        pytest.param({"header": ["a", "a"]}, "has a name twice", id="a name twice"),
        pytest.param({"separator": ";"}, "csv.separator: ';' is not a setting", id="unknown"),
    ],
)
def test_a_setting_that_can_not_be_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UseCaseError) as raised:
        csv_of(settings)
    assert message in str(raised.value)
