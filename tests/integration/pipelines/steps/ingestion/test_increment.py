"""Files of a folder are imported once each; one that is refused does not hold up the others."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import DataError, SourceUnavailable, StepSkipped
from tests.integration.warehouse import SHOP, ImportingShop

HEADER = "order,customer,event_time,returned,amount,items,online,channel"
LINE = "{id},c,2026-04-01 10:00:00,{label},{amount},2,yes,web"
HISTORY = "ingest_history"
LABELS = "ingest_labels"


@pytest.fixture
def incoming(tmp_path: Path, shop: ImportingShop) -> Path:
    """The folder that the policy names for both sources."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    shop.say(
        ingest={
            "history": {"folder": str(folder), "pattern": "*payments*"},
            "labels": {"folder": folder.as_uri(), "pattern": "labels/*.csv"},
        }
    )
    return folder


def drop(
    file: Path, *ids: str, label: str = "cleared", amount: str = "5", minutes: int = 0
) -> None:
    """Write a CSV file that was changed so many minutes after midnight."""
    file.parent.mkdir(exist_ok=True)
    lines = [LINE.format(id=each, label=label, amount=amount) for each in ids]
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    dated(file, minutes)


def dated(file: Path, minutes: int) -> None:
    moment = datetime(2026, 6, 1, tzinfo=UTC).timestamp() + minutes * 60
    os.utime(file, (moment, moment))


def imported(shop: ImportingShop) -> dict[str, float]:
    return dict(shop.rows("SELECT transaction_id, features[1] FROM ingested_rows"))  # type: ignore[arg-type]


def counted(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result.get(name, 0) for name in ("files", "new", "changed", "repeated", "refused"))


def test_each_file_is_imported_once_and_a_new_version_of_it_again(
    shop: ImportingShop, incoming: Path
) -> None:
    drop(incoming / "payments-2.csv", "a", "b", amount="7", minutes=2)
    drop(incoming / "payments-1.csv", "a", minutes=1)
    pq.write_table(
        pa.table({
            "order": ["c"], "event_time": [datetime(2026, 4, 1, tzinfo=UTC)], "returned": ["chargeback"], "amount": [1.5],
            "items": [1], "online": [True], "channel": ["app"],
        }),
        incoming / "payments.parquet",
    )  # fmt: skip
    for name in ("_payments.csv", ".payments.csv", "payments.csv.part", "other.csv"):
        (incoming / name).write_text("not read")
    assert counted(shop.run("first", HISTORY)) == (3, 3, 1, 0, 0)
    # The newest of two files wins.
    assert imported(shop) == {"a": 7.0, "b": 7.0, "c": 1.5}
    with pytest.raises(StepSkipped, match=f"^{incoming} has no new files$"):
        shop.run("again", HISTORY)

    dated(incoming / "payments-1.csv", 30)  # copied again, with the same content
    with pytest.raises(StepSkipped):
        shop.run("copied", HISTORY)
    drop(incoming / "payments-1.csv", "a", "d", amount="9", minutes=40)
    assert counted(shop.run("changed", HISTORY)) == (1, 1, 1, 0, 0)
    assert imported(shop) == {"a": 9.0, "b": 7.0, "c": 1.5, "d": 9.0}
    files = shop.rows("SELECT name, rows FROM ingested_files ORDER BY 1, 2")
    assert files == [
        ("payments-1.csv", 1),
        ("payments-1.csv", 2),
        ("payments-2.csv", 2),
        ("payments.parquet", 1),
    ]
    assert counted(shop.run("full", HISTORY, full=True))[0] == 3


def test_a_file_that_comes_late_with_an_old_date_is_imported_too(
    shop: ImportingShop, incoming: Path
) -> None:
    drop(incoming / "payments-2.csv", "b", minutes=20)
    shop.run("first", HISTORY)
    drop(incoming / "payments-1.csv", "a", minutes=1)
    assert counted(shop.run("second", HISTORY)) == (1, 1, 0, 0, 0)


def test_files_that_are_refused_are_named_and_tried_again_while_others_are_imported(
    shop: ImportingShop, incoming: Path
) -> None:
    drop(incoming / "payments-1.csv", "a", "b", "c", "d", amount="much", minutes=1)
    (incoming / "payments-2.parquet").write_text("no parquet")
    drop(incoming / "payments-3.csv", "e", minutes=3)
    with pytest.raises(DataError) as raised:
        shop.run("first", HISTORY)
    message = str(raised.value)
    assert message.startswith(f"{incoming}: payments-1.csv: 4 of 4 rows were refused, 100.0%, ")
    assert "; payments-2.parquet is not a valid Parquet file: " in message
    assert message.endswith("; 1 other files were imported")
    assert imported(shop) == {"e": 5.0}
    assert [alert[:2] for alert in shop.open_alerts()] == [("ingest_history", "WARNING")]
    drop(incoming / "payments-1.csv", "a", "b", "c", "d", minutes=4)
    (incoming / "payments-2.parquet").unlink()
    assert counted(shop.run("second", HISTORY)) == (1, 4, 0, 0, 0)
    assert not shop.open_alerts()


def test_labels_are_read_from_files_below_a_url(shop: ImportingShop, incoming: Path) -> None:
    (incoming / "labels").mkdir()
    file = incoming / "labels" / "june.csv"
    file.write_text(
        "transaction_id,returned,labelled_at\na,chargeback,2026-06-01\nb,cleared,2026-06-02T10:00Z\na,cleared,2026-06-03\n"
    )
    result = shop.run("first", LABELS)
    assert (result["files"], result["accepted"], result["corrected"]) == (1, 2, 1)
    stored = shop.rows("SELECT transaction_id, label, source FROM label_store ORDER BY id")
    origin = f"ingest:{incoming.as_uri()}"
    assert stored == [("a", 1, origin), ("b", 0, origin), ("a", 0, origin)]
    (incoming / "labels" / "july.csv").write_text("order,label\na,chargeback\n")
    with pytest.raises(
        DataError, match=r"july.csv: no column for labelled_at: .*; the file has order, label"
    ):
        shop.run("second", LABELS)


def test_a_folder_that_is_away_may_come_back(shop: ImportingShop, incoming: Path) -> None:
    incoming.rename(incoming.with_name("moved"))
    with pytest.raises(
        SourceUnavailable, match=f"the folder {incoming} can't be read: .*check that it exists"
    ):
        shop.run("first", HISTORY)
    incoming.with_name("moved").rename(incoming)
    with pytest.raises(StepSkipped):
        shop.run("second", HISTORY)
    assert not (shop.settings.artifact_root / SHOP / "staging" / "history").exists()
