"""Imported history becomes a snapshot: the same rows give the same one, whatever was imported how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.context import Context
from tests.integration.changing_use_case import CONTRACT, SHOP, Shop

N = 300


@pytest.fixture
def shop(migrated: str, copy_database: Callable[[str], str], tmp_path: Path) -> Shop:
    return Shop.new(tmp_path, database_url=copy_database(migrated))


def write(context: Context, rows: pa.Table) -> dict[str, int]:
    """Import rows under the contract in force."""
    context.models.record_contract(context.use_case.contract)
    with context.connection.transaction():
        return context.imports.write_rows(context.use_case.contract, rows)


def changed(rows: pa.Table, name: str, value: Any) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, rows.schema.field(name), pa.array([value] * len(rows), rows.schema.field(name).type))  # fmt: skip


def test_the_snapshot_has_the_rows_as_they_were_imported_in_the_order_of_their_time(
    shop: Shop,
) -> None:
    wired = shop.context("run")
    rows = shop.history(N)
    assert not wired.imports.has_rows(SHOP)
    assert write(wired, rows.slice(100)) == {"new": N - 100, "changed": 0, "repeated": 0}
    assert write(wired, rows.slice(0, 150)) == {"new": 100, "changed": 0, "repeated": 50}
    assert wired.imports.has_rows(SHOP)
    snapshot = wired.ingested.snapshot()
    assert wired.artifacts.load("snapshots", snapshot).equals(rows)
    assert wired.ingested.snapshot() == snapshot
    newest = wired.artifacts.imports("snapshots", snapshot)[-1]
    assert newest["file"] == "300 rows that shop_ingest imported"

    assert write(wired, changed(rows.slice(7, 2), "label", 1))["changed"] >= 1
    other = wired.ingested.snapshot()
    assert other != snapshot
    assert wired.artifacts.load("snapshots", other)["label"][7].as_py() == 1
    wired.close()


def test_missing_values_and_extreme_numbers_come_back(shop: Shop) -> None:
    shop.change(
        lambda contract: contract["features"]["amount"].update(nullable=True, range=[-1e38, 1e38])
    )
    wired = shop.context("run")
    rows = shop.history(4)
    amounts = pa.array([None, 1 / 3, -1e38, 5e-324])
    rows = rows.set_column(rows.column_names.index("amount"), rows.schema.field("amount"), amounts)
    write(wired, rows)
    loaded = wired.artifacts.load("snapshots", wired.ingested.snapshot())
    assert loaded["amount"].to_pylist() == amounts.to_pylist()
    wired.close()


def test_rows_of_a_former_contract_are_converted(shop: Shop) -> None:
    wired = shop.context("before")
    rows = shop.history(N)
    write(wired, rows)
    wired.close()

    def widen(contract: dict[str, Any]) -> None:
        del contract["features"]["items"]
        del contract["derived"]
        contract["features"]["channel"]["values"] = ["store", "phone", "web", "app"]
        contract["features"]["age"] = {"type": "int", "nullable": True}

    shop.change(widen)
    wired = shop.context("after")
    loaded = wired.artifacts.load("snapshots", wired.ingested.snapshot())
    assert loaded.column_names[4:] == ["amount", "online", "channel", "age"]
    assert loaded["age"].null_count == N
    former = CONTRACT["features"]["channel"]["values"]
    current = ["store", "phone", "web", "app"]
    assert [current[int(index)] for index in loaded["channel"].to_pylist()] == [
        former[int(index)] for index in rows["channel"].to_pylist()
    ]
    # Rows that are read again are rows of the new contract.
    again = shop.context("again")
    counts = write(again, loaded)
    assert counts == {"new": 0, "changed": N, "repeated": 0}
    assert again.ingested.snapshot() == wired.ingested.snapshot()
    for each in (wired, again):
        each.close()


def test_other_rows_of_an_older_snapshot_are_added_and_never_twice(shop: Shop) -> None:
    wired = shop.context("run")
    rows = shop.history(N)
    base = wired.artifacts.save("snapshots", rows.slice(0, 200))
    write(wired, changed(rows.slice(150), "label", 1))
    first = wired.ingested.snapshot(base)
    loaded = wired.artifacts.load("snapshots", first).sort_by("event_time")
    assert loaded["transaction_id"].to_pylist() == rows["transaction_id"].to_pylist()
    assert loaded["label"].to_pylist() == rows["label"].to_pylist()[:150] + [1] * 150
    origin = wired.artifacts.imports("snapshots", first)[-1]["file"]
    assert origin == f"150 rows that shop_ingest imported, and 150 of snapshot {base}"
    # A successor of a model that was trained on it takes its base, not its imported rows.
    assert wired.ingested.snapshot(first) == first
    alone = wired.ingested.snapshot()
    assert wired.ingested.snapshot(alone) == alone
    wired.artifacts.path("snapshots", base).unlink()
    assert wired.ingested.snapshot(first) == alone
    wired.close()
