"""The log's predictions are selected by the rule, as they have been since the first release."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from pipelines.context import Context
from pipelines.records import Prediction
from pipelines.rules.explanation.selection import BUCKETS, selection
from pipelines.settings import ROOT
from pipelines.stores.database import queries
from tests.integration.logged import NOW, Log

# Ids with their buckets. Stored weights depend on them, so they never change.
PINNED = {
    UUID("00000000-0000-0000-0000-000000000000"): 3240,
    UUID("01938f3e-5c00-7000-8000-000000000001"): 140,
    UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"): 5243,
}
FORMER = ROOT / "sql" / "migrations" / "versions" / "0004_explanations.sql"


def bucket_of(wired: Context, prediction_id: UUID) -> int:
    bucket = queries("explanations").bucket_of(
        wired.connection, prediction_id=prediction_id, buckets=BUCKETS
    )
    return int(bucket)


@pytest.mark.parametrize(("prediction_id", "bucket"), PINNED.items(), ids=str)
def test_the_bucket_of_an_id_never_changes(
    wired: Context, prediction_id: UUID, bucket: int
) -> None:
    assert bucket_of(wired, prediction_id) == bucket


@pytest.mark.parametrize(
    ("select", "sample"),
    [("all", 0.0), ("flagged", 0.05), ("flagged", 0.0), ("flagged", 0.333333), ("requested", 0.5)],
)
def test_a_plan_a_request_and_the_former_function_select_as_the_rule_does(
    wired: Context, select: str, sample: float
) -> None:
    Log(wired).ship(400, NOW)
    expected = {
        prediction.prediction_id: selection(select, sample).share(
            prediction.predicted_label, bucket_of(wired, prediction.prediction_id)
        )
        for prediction in logged(wired)
    }
    assert former_shares(wired, select, sample) == expected
    predicted = {
        prediction.prediction_id: wired.explanations.picks(prediction, select=select, sample=sample)
        for prediction in logged(wired)
    }
    assert predicted == {name: share is not None for name, share in expected.items()}
    wired.explanations.plan("fraud", since=NOW.replace(year=2000), select=select, sample=sample)
    planned = {name: share for name, share in expected.items() if share is not None}
    assert stored_shares(wired) == planned
    for prediction in logged(wired)[:20]:
        wired.explanations.request(prediction, select=select, sample=sample)
    assert stored_shares(wired).items() >= planned.items()


def test_a_request_before_the_plan_stores_the_share_of_the_plan(wired: Context) -> None:
    Log(wired).ship(100, NOW)
    for prediction in logged(wired):
        wired.explanations.request(prediction, select="flagged", sample=0.5)
    requested = stored_shares(wired)
    assert set(requested.values()) == {1.0, 0.5, None}
    assert requested == former_shares(wired, "flagged", 0.5)
    wired.explanations.plan("fraud", since=NOW.replace(year=2000), select="flagged", sample=0.5)
    assert stored_shares(wired) == requested


def logged(wired: Context) -> list[Prediction]:
    rows = wired.connection.execute("SELECT prediction_id FROM prediction_logs ORDER BY 1")
    return [wired.predictions.get("fraud", row["prediction_id"]) for row in rows.fetchall()]


def stored_shares(wired: Context) -> dict[UUID, float | None]:
    rows = wired.connection.execute("SELECT prediction_id, share FROM explanations").fetchall()
    return {row["prediction_id"]: row["share"] for row in rows}


def former_shares(wired: Context, select: str, sample: float) -> dict[UUID, float | None]:
    """Return the shares by the function of migration 0004, which the rule replaced."""
    function = re.search(
        r"CREATE FUNCTION explanation_share.*?\$\$.*?\$\$;", FORMER.read_text(), re.S
    )
    assert function
    definition = function[0].replace("explanation_share", "pg_temp.former_share")
    wired.connection.execute(definition.replace("CREATE", "CREATE OR REPLACE", 1).encode())
    rows = wired.connection.execute(
        "SELECT prediction_id, pg_temp.former_share(%s, %s, predicted_label, prediction_id) AS share"
        " FROM prediction_logs",
        [select, sample],
    ).fetchall()
    return {row["prediction_id"]: row["share"] for row in rows}
