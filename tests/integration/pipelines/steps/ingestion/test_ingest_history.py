"""Labelled history of a team's PostgreSQL is imported in increments, each row once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pipelines.errors import DataError, SourceUnavailable, StepSkipped, UseCaseError
from pipelines.ingestion import TooManyRefused
from pipelines.ingestion.sources import watermark_query
from pipelines.steps.ingestion import increment, ingest_history
from pipelines.stores.ingest import IngestStore
from tests.integration.warehouse import (
    CONNECTION,
    HISTORY,
    SECOND,
    SHOP,
    START,
    ImportingShop,
    Warehouse,
)

HOUR = timedelta(hours=1)
STEP = "ingest_history"


def counted(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result.get(name, 0) for name in ("new", "changed", "repeated", "refused"))


def history(**changes: Any) -> dict[str, Any]:
    return {"history": {**HISTORY, **changes}}


def test_the_first_run_imports_everything_and_the_next_one_what_changed(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 1200)
    warehouse.change(7, START + 1500 * SECOND, returned="open")
    first = shop.run("first", STEP)
    assert (first["read"], first["not_labelled"], counted(first)) == (1200, 1, (1199, 0, 0, 0))
    assert first["watermark"] == START + 1500 * SECOND
    (row,) = shop.rows("SELECT * FROM ingested_rows WHERE transaction_id = 'o-20'")
    assert row[:5] == (SHOP, "o-20", "20", datetime(2026, 3, 31, 22, 20, tzinfo=UTC), 1)
    assert row[6] == [400.25, 2.0, 0.0, 2.0]

    later = START + 2 * HOUR
    warehouse.pay(1200, 1230, later)
    warehouse.change(7, later, returned="chargeback")
    warehouse.change(8, later, amount=99)
    second = shop.run("second", STEP)
    assert counted(second) == (31, 1, 1198, 0)  # the lag reaches back to the first payments
    assert shop.rows("SELECT label, features[1] FROM ingested_rows WHERE transaction_id IN ('o-7', 'o-8') ORDER BY transaction_id") == [
        (1, 253.25), (0, 99.0),
    ]  # fmt: skip
    assert not shop.open_alerts()


def test_rows_that_are_read_again_change_nothing(shop: ImportingShop, warehouse: Warehouse) -> None:
    warehouse.pay(0, 100)
    shop.run("first", STEP)
    before = shop.rows("SELECT * FROM ingested_rows ORDER BY transaction_id")
    again = shop.run("again", STEP)
    assert counted(again) == (0, 0, 100, 0)
    full = shop.run("full", STEP, full=True)
    assert counted(full) == (0, 0, 100, 0)
    assert shop.rows("SELECT * FROM ingested_rows ORDER BY transaction_id") == before


def test_without_a_lag_a_run_with_nothing_new_is_skipped(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    shop.say(ingest=history(lag="PT0S"))
    with pytest.raises(StepSkipped, match="has no rows after the beginning"):
        shop.run("empty", STEP)
    warehouse.pay(0, 10)
    shop.run("first", STEP)
    with pytest.raises(StepSkipped, match="has no rows after 2026-05-01 00:00:09 UTC"):
        shop.run("again", STEP)


def test_rows_that_were_committed_late_are_found_within_the_lag_and_others_by_a_full_run(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 10, START + 5 * HOUR)
    shop.run("first", STEP)
    warehouse.pay(10, 15, START + 4.5 * HOUR)  # a transaction that took half an hour
    warehouse.pay(15, 20, START + 2 * HOUR)  # one that took three hours
    assert counted(shop.run("second", STEP)) == (5, 0, 10, 0)
    full = shop.run("full", STEP, full=True)
    assert counted(full) == (5, 0, 15, 0)
    assert full["watermark"] == START + 5 * HOUR + 9 * SECOND


def test_a_time_in_the_future_does_not_hide_the_changes_of_others(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    now = datetime.now(UTC)
    warehouse.pay(0, 3, now + 300 * HOUR)
    watermark = shop.run("first", STEP)["watermark"]
    assert now <= watermark <= datetime.now(UTC)
    warehouse.pay(3, 6, datetime.now(UTC))
    assert counted(shop.run("second", STEP)) == (3, 0, 3, 0)


class Killed(BaseException):
    """The process ended here."""


WRITES = ("write_rows", "move_watermark")


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
@pytest.mark.parametrize("number", range(4))
def test_a_run_that_is_killed_at_any_write_and_tried_again_gives_what_a_clean_run_gives(
    number: int,
    after: bool,
    new_shop: Callable[[], ImportingShop],
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three chunks and the watermark are four writes; the last two share a transaction."""
    monkeypatch.setattr(ingest_history, "CHUNK", 40)
    monkeypatch.setattr(watermark_query, "BATCH_ROWS", 35)
    warehouse.pay(0, 100)
    clean, killed = new_shop(), new_shop()
    clean.run("run", STEP)
    writes = iter(range(100))

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            is_last = next(writes) == number
            if is_last and not after:
                raise Killed
            result = write(*arguments, **named)
            if is_last:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(IngestStore, name, dying(getattr(IngestStore, name)))
        with pytest.raises(Killed):
            killed.run("run", STEP)
    assert killed.state()["watermarks"] == []
    assert len(killed.state()["rows"]) == min(number, 2) * 40
    killed.run("run", STEP)
    assert killed.state() == clean.state()


def started(shop: ImportingShop, warehouse: Warehouse) -> subprocess.Popen[str]:
    """A run in a process, as Airflow's task starts it."""
    settings = shop.settings
    variables = {
        "SIXGATE_ROOT": str(settings.root),
        "SIXGATE_HOME": str(settings.home),
        "SIXGATE_DATABASE_URL": settings.database_url,
        CONNECTION: warehouse.url,
    }
    command = [sys.executable, "-m", "pipelines", "step", STEP, "--use-case", SHOP]
    return subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


@pytest.mark.usefixtures("unmeasured")
def test_a_process_that_is_killed_holds_up_no_other_one_and_leaves_nothing_half_done(
    new_shop: Callable[[], ImportingShop], warehouse: Warehouse
) -> None:
    clean, killed = new_shop(), new_shop()
    for shop in (clean, killed):
        warehouse.connection.execute("TRUNCATE payments")
        warehouse.pay(0, 10)
        shop.run("first", STEP)
    warehouse.pay(10, 30_000, START + HOUR)
    clean.run("second", STEP)
    with killed.database() as database, database.transaction():
        database.execute("SELECT * FROM ingest_watermarks FOR UPDATE")
        process = started(killed, warehouse)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with killed.database() as other:
            deadline = time.monotonic() + 120
            while other.execute(waiting).fetchone() == (0,):
                assert time.monotonic() < deadline
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        assert len(killed.state()["rows"]) == 10  # the last transaction was not committed
    again = started(killed, warehouse)
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert killed.state() == clean.state()
    assert not list(killed.settings.artifact_root.rglob("staging/*"))


def test_while_rows_are_read_no_transaction_keeps_others_from_seeing_new_predictions(
    shop: ImportingShop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.pay(0, 10)
    seen = []
    stage = increment.stage

    def looking(*arguments: Any, **named: Any) -> Any:
        staged = stage(*arguments, **named)
        seen.append(
            shop.rows(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                " (backend_xid IS NOT NULL OR state LIKE 'idle in transaction%')"
            )
        )
        return staged

    monkeypatch.setattr(increment, "stage", looking)
    shop.run("first", STEP)
    assert seen == [[(0,)]]


def test_a_database_that_is_down_is_named_without_its_password_and_a_retry_may_help(
    shop: ImportingShop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, "postgresql://reader:hunter2@127.0.0.1:1/warehouse")
    with pytest.raises(SourceUnavailable) as raised:
        shop.run("down", STEP)
    assert "the query on postgresql://reader:***@127.0.0.1:1/warehouse can't be read" in str(
        raised.value
    )
    assert "the next attempt reads the same rows" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert not shop.open_alerts()


@pytest.mark.usefixtures("unmeasured")
def test_a_database_that_is_down_ends_the_step_with_the_code_of_a_retry(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    parts = conninfo_to_dict(warehouse.url)
    warehouse.url = f"postgresql://{parts['user']}:hunter2@{parts['host']}:1/{parts['dbname']}"
    process = started(shop, warehouse)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("sixgate: the query on postgresql://")
    assert "hunter2" not in output


def test_a_database_that_goes_away_while_it_is_read_is_read_again(
    shop: ImportingShop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermark_query, "BATCH_ROWS", 10)
    warehouse.pay(0, 100)
    noted = watermark_query.WatermarkQuery._noted

    def cut(self: Any, *arguments: Any) -> Any:
        warehouse.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sixgate ingest'"
        )
        return noted(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(watermark_query.WatermarkQuery, "_noted", cut)
        with pytest.raises(SourceUnavailable, match="can't be read"):
            shop.run("cut", STEP)
    assert shop.state()["rows"] == []
    assert counted(shop.run("again", STEP)) == (100, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"sql": "SELECT p.*, ammount FROM payments AS p WHERE updated_at > :watermark"},
            'column "ammount" does not exist Perhaps you meant to reference the column "p.amount".; the columns that it must '
            "return are order, event_time, returned, amount, items, online, channel, updated_at",
            id="a column that the table does not have",
        ),
        pytest.param(
            {"sql": 'SELECT "order", event_time, returned, items, updated_at FROM payments WHERE updated_at > :watermark'},
            "no column for amount, online, channel: rename the file's columns, or add them to the contract's `sources:`; the file "
            "has order, event_time, returned, items, updated_at",
            id="columns of the contract that are not selected",
        ),
        pytest.param(
            {"watermark": "changed_at"},
            "does not return the watermark column 'changed_at': select it, or correct `watermark`; it returns order, customer,",
            id="a watermark that is not selected",
        ),
        pytest.param(
            {"watermark": "customer"},
            "the watermark column 'customer' has no times, such as 0: name a column with the time of the last change of a row",
            id="a watermark that is no time",
        ),
        pytest.param(
            {"sql": "SELECT event_time, returned, amount, items, online, channel, updated_at FROM payments WHERE updated_at > :watermark"},
            "no column for order: rows that are imported in parts are found again by it",
            id="no transaction id",
        ),
        pytest.param(
            {"sql": "SELECT * FROM paymens WHERE updated_at > :watermark"},
            'relation "paymens" does not exist',
            id="no such table",
        ),
        pytest.param(
            {"sql": "SELECT p.*, spend() FROM payments AS p WHERE updated_at > :watermark"},
            "writes: cannot execute DELETE in a read-only transaction; it must only read",
            id="a function that writes",
        ),
        pytest.param(
            {"sql": "SELECT * FROM payments WHERE updated_at > :watermark; COMMIT; DELETE FROM payments"},
            "cannot insert multiple commands into a prepared statement",
            id="several statements",
        ),
        pytest.param(
            {"sql": "WITH gone AS (DELETE FROM payments WHERE updated_at > :watermark RETURNING *) SELECT * FROM gone"},
            "DECLARE CURSOR must not contain data-modifying statements in WITH",
            id="a query that deletes",
        ),
    ],
)  # fmt: skip
def test_a_query_that_can_not_be_used_says_why_and_changes_nothing(
    changes: dict[str, str], message: str, shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 3)
    warehouse.connection.execute(
        "CREATE FUNCTION spend() RETURNS integer LANGUAGE sql AS $$ DELETE FROM payments; SELECT 1 $$"
    )
    shop.say(ingest=history(**changes))
    with pytest.raises(DataError) as raised:
        shop.run("wrong", STEP)
    assert message in str(raised.value)
    password = str(conninfo_to_dict(warehouse.url)["password"])
    assert password not in str(raised.value)
    (alert,) = shop.open_alerts()
    assert (alert[0], alert[1]) == ("ingest_history", "WARNING")
    assert message in alert[2]
    assert warehouse.connection.execute("SELECT count(*) FROM payments").fetchone() == (3,)
    shop.say(ingest=history())
    shop.run("right", STEP)
    assert not shop.open_alerts()


def test_a_few_rows_that_break_the_contract_are_put_aside_and_the_others_imported(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 400)
    warehouse.change(3, START, amount=-1)
    result = shop.run("first", STEP)
    assert counted(result) == (399, 0, 0, 1)
    assert (shop.settings.artifact_root / SHOP / "quarantine" / result["quarantine"]).is_file()
    assert not shop.open_alerts()


def test_too_many_rows_that_break_the_contract_stop_the_import_until_they_are_corrected(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 400)
    for number in range(20):
        warehouse.change(number, START + 500 * SECOND, channel="fax")
    with pytest.raises(
        TooManyRefused,
        match=r"20 of 400 rows were refused, 5\.0%, and `validation.quarantine_share`",
    ):
        shop.run("first", STEP)
    assert shop.state() == {table: [] for table in shop.state()}
    ((cause, severity, message),) = shop.open_alerts()
    assert (cause, severity) == ("ingest_history", "WARNING")
    assert (
        "20 rows: channel: not one of web, app, store: correct the values, or add them to `values`"
        in message
    )
    quarantine = message.partition("quarantine/")[2].partition(":")[0]
    assert (shop.settings.artifact_root / SHOP / "quarantine" / quarantine).is_file()
    for number in range(20):
        warehouse.change(number, START + 600 * SECOND, channel="app")
    assert counted(shop.run("second", STEP)) == (400, 0, 0, 0)
    assert not shop.open_alerts()


def test_a_transaction_that_comes_twice_in_one_reading_is_kept_once(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 400)
    doubled = (
        "SELECT p.* FROM payments AS p WHERE updated_at > :watermark UNION ALL"
        " SELECT p.* FROM payments AS p WHERE updated_at > :watermark AND \"order\" = 'o-5'"
    )
    shop.say(ingest=history(sql=doubled))
    result = shop.run("first", STEP)
    assert counted(result) == (400, 0, 0, 1)


def test_times_without_a_zone_are_utc_and_percent_signs_and_casts_are_sql(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, 3)
    warehouse.connection.execute(
        "ALTER TABLE payments ALTER updated_at TYPE timestamp USING updated_at AT TIME ZONE 'UTC'"
    )
    database = conninfo_to_dict(warehouse.url)["dbname"]
    for setting in ("TimeZone = 'Asia/Tokyo'", "DateStyle = 'German, DMY'"):
        warehouse.connection.execute(f"ALTER DATABASE {database} SET {setting}")
    shop.say(ingest=history(
        lag="PT0S",
        sql="SELECT p.*, 5 % 3 AS rest FROM payments AS p WHERE updated_at::timestamp > :watermark AND \"order\" LIKE 'o%' -- :watermark",
    ))  # fmt: skip
    assert shop.run("first", STEP)["watermark"] == START + 2 * SECOND
    warehouse.connection.execute(
        "INSERT INTO payments SELECT 'o-4', customer, event_time, returned, amount, items, online, channel, updated_at + interval '1 second'"
        " FROM payments WHERE \"order\" = 'o-2'"
    )
    assert counted(shop.run("second", STEP)) == (1, 0, 0, 0)


def test_a_source_that_the_policy_does_not_name_is_refused(shop: ImportingShop) -> None:
    shop.say()
    with pytest.raises(UseCaseError, match=r"shop/policy.yaml: ingest.history names no source"):
        shop.run("none", STEP)


def test_the_connection_may_be_one_of_airflows_when_a_person_runs_the_step(
    shop: ImportingShop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONNECTION)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse.url)
    warehouse.pay(0, 3)
    assert counted(shop.run("by-hand", STEP)) == (3, 0, 0, 0)


def test_two_runs_at_once_wait_for_each_other(shop: ImportingShop, warehouse: Warehouse) -> None:
    with (
        shop.database() as one,
        psycopg.connect(shop.settings.database_url, autocommit=True) as other,
    ):
        with IngestStore(one).exclusive(SHOP, "history"):  # type: ignore[arg-type]
            free = (
                "SELECT pg_try_advisory_lock(hashtext('sixgate.ingest'), hashtext('shop/' || %s))"
            )
            assert other.execute(free, ["history"]).fetchone() == (False,)
            assert other.execute(free, ["labels"]).fetchone() == (True,)
        assert other.execute(free, ["history"]).fetchone() == (True,)
