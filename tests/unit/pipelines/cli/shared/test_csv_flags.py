"""Flags lie over the contract's section `csv`."""

import msgspec
import pytest

from pipelines.cli.shared.csv_flags import csv_format
from pipelines.errors import ParameterError
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.serving.made import FRAUD

NONE = dict.fromkeys(
    ("delimiter", "decimal", "thousands", "encoding", "date_format", "header"), None
)


def test_a_flag_replaces_one_setting_of_the_contract() -> None:
    contract = msgspec.structs.replace(FRAUD, csv=CsvFormat(delimiter=";", encoding="cp1252"))
    assert csv_format(contract, **NONE) == contract.csv
    changed = csv_format(contract, **{**NONE, "delimiter": "|", "header": "a,b"})
    assert changed == CsvFormat(delimiter="|", encoding="cp1252", header=("a", "b"))


@pytest.mark.parametrize(("flag", "value"), [("decimal", ";"), ("encoding", "what")])
def test_a_wrong_value_is_named_with_its_flag(flag: str, value: str) -> None:
    with pytest.raises(ParameterError, match=f"--{flag} '{value}'"):
        csv_format(FRAUD, **{**NONE, flag: value})
