"""Records have the columns of the tables and views that they are read from."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime

import pytest

from pipelines.records import (
    Alert,
    Decision,
    Label,
    LedgerEntry,
    Metric,
    ModelRecord,
    Prediction,
    Replica,
)
from tests.integration.server import Database

RENAMED = {"notified"}  # the column `told`


@pytest.mark.parametrize(
    ("record", "table", "others"),
    [
        pytest.param(Decision, "retraining_decisions", set(), id="a decision"),
        pytest.param(LedgerEntry, "promotions", set(), id="an entry of the ledger"),
        pytest.param(Replica, "serving_replicas", set(), id="a replica"),
        pytest.param(ModelRecord, "model_metadata", {"profile"}, id="a model"),
        pytest.param(Prediction, "prediction_logs", {"logged_xid"}, id="a prediction"),
        pytest.param(Metric, "monitoring_metrics", {"use_case", "at"}, id="a metric"),
        pytest.param(Alert, "monitoring_alerts", {"told"}, id="an alert"),
        pytest.param(
            Label,
            "label_store",
            {"id", "use_case", "source", "received_at", "logged_xid"},
            id="a label",
        ),
    ],
)
def test_a_record_has_a_field_for_each_column(
    database: Database, record: type, table: str, others: set[str]
) -> None:
    rows = database.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)
    ).fetchall()
    columns = {name for (name,) in rows}
    named = {field.name for field in fields(record)} - RENAMED
    assert columns - others == named


def test_a_record_does_not_change() -> None:
    label = Label(transaction_id="t", label=1, labelled_at=datetime.now(UTC))
    with pytest.raises(FrozenInstanceError):
        label.label = 0  # type: ignore[misc]
