"""Labels of a team's PostgreSQL are stored by the rules of the route `/labels`, each once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.errors import DataError, StepSkipped
from pipelines.ingestion import TooManyRefused
from pipelines.records import Label
from pipelines.steps.ingestion import ingest_labels
from pipelines.stores.ingest import IngestStore
from pipelines.stores.labels import LabelStore
from tests.integration.changing_use_case import drawn
from tests.integration.warehouse import LABELS, SHOP, START, ImportingShop, Warehouse

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
STEP = "ingest_labels"
COUNTS = ("accepted", "corrected", "duplicate", "outdated", "repeated", "refused")


def counted(result: dict[str, Any]) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: result[name] for name in COUNTS if result.get(name)}


def current(shop: ImportingShop) -> dict[str, int]:
    """The label that counts for each transaction."""
    return dict(shop.rows("SELECT transaction_id, label FROM current_labels"))  # type: ignore[arg-type]


def stored(shop: ImportingShop) -> list[tuple[Any, ...]]:
    return shop.rows("SELECT transaction_id, label, source FROM label_store ORDER BY id")


def post(shop: ImportingShop, order: str, label: int, labelled_at: datetime) -> None:
    """A label that a client sends to the route."""
    wired = shop.context("post")
    known = [Label(transaction_id=order, label=label, labelled_at=labelled_at)]
    LabelStore(wired.connection).record(SHOP, known, source="api:client")
    wired.close()


def test_words_of_the_contract_are_labels_and_open_cases_are_left_out(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.report(
        ("o-1", "chargeback", START),
        ("o-2", "cleared", START + MINUTE),
        ("o-3", " Chargeback ", START + 2 * MINUTE),
        ("o-4", "open", START + 3 * MINUTE),
        ("o-5", "1", START + 4 * MINUTE),
    )
    result = shop.run("first", STEP)
    assert (result["read"], result["not_labelled"], counted(result)) == (5, 1, {"accepted": 4})
    assert (result["compared"], result["unmatched"]) == (4, 4)
    assert stored(shop) == [(f"o-{n}", int(n != 2), "ingest:warehouse") for n in (1, 2, 3, 5)]
    assert shop.rows("SELECT labelled_at FROM label_store ORDER BY id LIMIT 1") == [(START,)]


def test_labels_of_logged_predictions_match_them(shop: ImportingShop, warehouse: Warehouse) -> None:
    wired = shop.context("log")
    features = drawn(wired.use_case.contract, 1, seed=1)[0].tolist()
    wired.connection.execute(
        "INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, event_time, model_version,"
        " contract_hash, features, score, predicted_label, threshold, replica)"
        " VALUES (now(), gen_random_uuid(), 'shop', 'o-1', now(), 1, 'c', %s, 0.5, 1, 0.5, 'r')",
        [features],
    )
    wired.close()
    warehouse.report(("o-1", "chargeback", START), ("O-1", "cleared", START))
    result = shop.run("first", STEP)
    assert (result["compared"], result["unmatched"], counted(result)) == (2, 1, {"accepted": 2})


def test_a_later_finding_is_a_correction_whatever_the_order_in_which_findings_come(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.report(("o-1", "cleared", START + HOUR), ("o-1", "chargeback", START))
    assert counted(shop.run("first", STEP)) == {"accepted": 1, "corrected": 1}
    assert stored(shop) == [("o-1", 1, "ingest:warehouse"), ("o-1", 0, "ingest:warehouse")]
    warehouse.report(("o-1", "chargeback", START + HOUR / 2))  # committed late
    assert counted(shop.run("second", STEP)) == {"outdated": 1, "repeated": 1}
    warehouse.report(("o-1", "chargeback", START + 2 * HOUR))
    assert counted(shop.run("third", STEP))["corrected"] == 1
    assert current(shop) == {"o-1": 1}


def test_reading_labels_again_does_not_undo_what_a_client_sent_meanwhile(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.report(("o-1", "chargeback", START), ("o-2", "cleared", START))
    shop.run("first", STEP)
    post(shop, "o-1", 0, START - HOUR)  # the route takes what comes last
    for full in (False, True):
        assert counted(shop.run(f"again-{full}", STEP, full=full)) == {"repeated": 2}
    assert current(shop) == {"o-1": 0, "o-2": 0}
    warehouse.report(("o-1", "chargeback", START + MINUTE), ("o-2", "cleared", START + MINUTE))
    assert counted(shop.run("news", STEP)) == {"corrected": 1, "duplicate": 1, "repeated": 2}
    assert current(shop) == {"o-1": 1, "o-2": 0}


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("number", range(4))
def test_a_run_that_is_killed_and_tried_again_gives_what_a_clean_run_gives(
    number: int,
    new_shop: Callable[[], ImportingShop],
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Orders are reported several times, in any order, and spread over chunks."""
    monkeypatch.setattr(ingest_labels, "CHUNK", 50)
    draws = random.Random(number)
    reports = [
        (f"o-{draws.randrange(40)}", draws.choice(["chargeback", "cleared"]), START + n * MINUTE)
        for n in range(200)
    ]
    draws.shuffle(reports)
    warehouse.report(*reports)
    clean, killed = new_shop(), new_shop()
    clean.run("run", STEP)
    record = IngestStore.record_labels
    writes = iter(range(100))

    def dying(*arguments: Any, **named: Any) -> Any:
        counts = record(*arguments, **named)
        if next(writes) == number:
            raise Killed
        return counts

    with monkeypatch.context() as patch:
        patch.setattr(IngestStore, "record_labels", dying)
        with pytest.raises(Killed):
            killed.run("run", STEP)
    assert killed.state()["watermarks"] == []
    assert len(killed.state()["imported"]) == number * 50
    killed.run("run", STEP)
    assert killed.state() == clean.state()
    newest = {order: outcome for order, outcome, _ in sorted(reports, key=lambda each: each[2])}
    assert current(killed) == {
        order: int(outcome == "chargeback") for order, outcome in newest.items()
    }


def test_words_that_the_contract_does_not_list_stop_the_import_and_are_named(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.report(*((f"o-{n}", "cleared", START) for n in range(50)))
    warehouse.report(*((f"o-{n}", "reversed", START) for n in range(50, 100)))
    with pytest.raises(TooManyRefused) as raised:
        shop.run("first", STEP)
    assert (
        "50 rows: returned: neither positive nor negative: list the values under `label.positive`, "
        "`label.negative` or `label.unlabelled`"
    ) in str(raised.value)
    assert stored(shop) == []
    ((cause, severity, message),) = shop.open_alerts()
    assert (cause, severity, message) == ("ingest_labels", "WARNING", str(raised.value))


def test_times_in_the_future_and_ids_that_are_none_are_refused_as_the_route_refuses_them(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    soon = datetime.now(UTC) + timedelta(days=2)
    warehouse.report(*((f"o-{n}", "cleared", START) for n in range(300)))
    warehouse.report(("o-301", "cleared", soon), (" ", "cleared", START))
    result = shop.run("first", STEP)
    assert counted(result) == {"accepted": 300, "refused": 2}


def test_a_time_of_the_finding_may_have_a_column_of_its_own_and_names_may_be_those_of_the_route(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    sql = (
        "SELECT \"order\" AS transaction_id, outcome AS label, reported_at - interval '1 day' AS found, reported_at"
        " FROM chargebacks WHERE reported_at > :watermark"
    )
    shop.say(ingest={"labels": {**LABELS, "labelled_at": "found", "sql": sql}})
    warehouse.report(("o-1", "chargeback", START))
    assert shop.run("first", STEP)["watermark"] == START
    assert shop.rows("SELECT labelled_at FROM label_store") == [(START - timedelta(days=1),)]


def test_columns_that_are_missing_are_named(shop: ImportingShop, warehouse: Warehouse) -> None:
    shop.say(
        ingest={
            "labels": {**LABELS, "sql": LABELS["sql"].replace("outcome AS returned", "outcome")}
        }
    )
    warehouse.report(("o-1", "chargeback", START))
    with pytest.raises(
        DataError, match=r"no column for returned: .*; the file has order, outcome, reported_at"
    ):
        shop.run("first", STEP)
    shop.say(ingest={"labels": {**LABELS, "sql": LABELS["sql"].replace("outcome", "verdict")}})
    with pytest.raises(
        DataError,
        match=r'column "verdict" does not exist; .* must return are order, reported_at, returned',
    ):
        shop.run("second", STEP)


def test_without_labels_the_run_is_skipped(shop: ImportingShop, warehouse: Warehouse) -> None:
    with pytest.raises(StepSkipped, match="has no rows after the beginning"):
        shop.run("empty", STEP)
    assert warehouse.connection.closed is False
