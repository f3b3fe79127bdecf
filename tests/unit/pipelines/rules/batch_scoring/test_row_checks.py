"""Which rows of a file are scored."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
import yaml

from pipelines.rules.batch_scoring.row_checks import check_unlabelled_rows, needed_columns
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


def rows(contract: Contract, **columns: list[object]) -> pa.Table:
    n = len(next(iter(columns.values())))
    usual = {"income": "1000", "employed": "1", "grade": "a", "dependents": "2"}
    values = {name: [usual.get(name, "1")] * n for name in contract.raw}
    return pa.table({name: pa.array(column) for name, column in (values | columns).items()})


def test_the_features_are_needed_and_nothing_else(contract: Contract) -> None:
    assert needed_columns(contract) == contract.raw
    checked = check_unlabelled_rows(rows(contract, x=["1", "2"]), contract, now=NOW)
    assert checked.positions.tolist() == [0, 1]
    assert checked.good["transaction_id"].null_count == 2
    assert checked.good["event_time"].null_count == 2


def test_an_id_an_entity_and_a_time_may_be_missing_in_some_rows(contract: Contract) -> None:
    table = rows(
        contract,
        **{
            contract.transaction_id: ["t", "", None],
            contract.entity_key: ["", "c", None],
            contract.event_time: ["2026-01-01T10:00:00", " ", None],
        },
    )
    good = check_unlabelled_rows(table, contract, now=NOW).good
    assert good["transaction_id"].to_pylist() == ["t", None, None]
    assert good["entity_key"].to_pylist() == [None, "c", None]
    assert good["event_time"].is_null().to_pylist() == [False, True, True]


def test_a_time_that_is_none_or_in_the_future_refuses_the_row(contract: Contract) -> None:
    times = ["yesterday", "2026-01-05T00:00:00", "2026-01-01"]
    table = rows(contract, **{contract.event_time: times})
    checked = check_unlabelled_rows(table, contract, now=NOW)
    assert checked.positions.tolist() == [2]
    assert checked.reasons[0].startswith(f"{contract.event_time}: ")


def test_a_label_is_not_read(contract: Contract) -> None:
    table = rows(contract, **{contract.label.name: ["what?", "1"]})
    checked = check_unlabelled_rows(table, contract, now=NOW)
    assert checked.positions.tolist() == [0, 1]
    assert contract.label.name not in checked.good.column_names


def test_a_feature_that_breaks_the_contract_refuses_the_row(contract: Contract) -> None:
    name = contract.raw[0]
    checked = check_unlabelled_rows(rows(contract, **{name: ["much", "1"]}), contract, now=NOW)
    assert checked.positions.tolist() == [1]
    assert checked.reasons.tolist() == [f"{name}: not a number", ""]
