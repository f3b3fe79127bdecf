"""Labels of files and queries are read as the route `/labels` reads them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import yaml

from pipelines.rules.ingestion.column_names import column_names
from pipelines.rules.ingestion.label_rows import label_contract
from pipelines.rules.ingestion.row_checks import check_rows
from pipelines.rules.use_case.contract import Contract, LabelColumn
from pipelines.rules.use_case.contract_parser import parse_contract
from serving.wire.label_decoding import LabelDecoder
from serving.wire.problems import Problem
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LOANS = parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")
LABELS = [
    pytest.param(LabelColumn(name="y", positive=1), id="0 and 1"),
    pytest.param(LabelColumn(name="y", positive=0), id="0 is positive"),
    pytest.param(
        LabelColumn(name="y", positive="chargeback", negative=("cleared", "refund")), id="words"
    ),
    pytest.param(LabelColumn(name="y", positive=(7,), negative=(0, 8)), id="numbers"),
    pytest.param(
        LabelColumn(name="y", positive="bad", negative="good", unlabelled=(0, "open")),
        id="0 is not labelled yet",
    ),
]
VALUES = ["1", "0", 1, 0, "chargeback", " Chargeback", "refund", "true", "no", "7", 8, "bad", "open", "?", ""]  # fmt: skip


def named(label: LabelColumn) -> Contract:
    return msgspec.structs.replace(LOANS, label=label)


def by_route(contract: Contract, value: Any) -> int | None:
    """The class that the route stores; None for a value that it refuses."""
    body = {"labels": [{"transaction_id": "t", "label": value}]}
    try:
        (label,) = LabelDecoder(contract).decode(msgspec.json.encode(body))
    except Problem:
        return None
    return label.label


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_means_what_it_means_to_the_route(label: LabelColumn, value: Any) -> None:
    contract = named(label)
    table = pa.table({"transaction_id": ["t"], label.name: [value], "labelled_at": ["2026-05-01"]})
    checked = check_rows(table, label_contract(contract), now=NOW)
    read = checked.good["label"].to_pylist()
    assert (read or [None])[0] == by_route(contract, value)


def test_a_label_is_an_id_a_class_and_the_time_of_the_finding() -> None:
    table = pa.table(
        {"transaction_id": [7, 8], "defaulted": [1, 0], "found": ["2026-05-01 10:00", "2026-07-01"]}
    )
    checked = check_rows(table, label_contract(LOANS, "found"), now=NOW)
    (row,) = checked.good.to_pylist()
    assert row == {
        "transaction_id": "7",
        "entity_key": None,
        "event_time": datetime(2026, 5, 1, 10, tzinfo=UTC),
        "label": 1,
    }
    assert checked.reasons.tolist() == ["", "found: in the future"]


def test_columns_may_have_the_names_of_the_contract_of_its_files_or_of_the_route() -> None:
    contract = msgspec.structs.replace(
        LOANS, transaction_id="loan", sources={"LOAN": "loan", "Y": "defaulted", "S": "salary"}
    )
    for names in (["loan", "defaulted"], ["LOAN", "Y"], ["transaction_id", "label"]):
        found = column_names([*names, "labelled_at", "S"], label_contract(contract))
        assert list(found.values()) == ["loan", "defaulted", "labelled_at"]
