"""The audit trail of a real database: complete, written once, and safe against crashes."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import audit
from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.stores.audit import AuditFolder
from tests.integration.logged import CONTRACT, Log, rewrite

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - DAY
NOON = datetime.combine(YESTERDAY, time(12), UTC)


def export(wired: Context) -> audit.Exported:
    return audit.export(wired.settings, wired.connection, TODAY)


def folder(wired: Context, day: date = YESTERDAY) -> Path:
    return Path(wired.settings.home / "audit" / day.isoformat())


def manifest(wired: Context, day: date = YESTERDAY) -> dict[str, Any]:
    return dict(json.loads((folder(wired, day) / "manifest.json").read_text()))


def content(wired: Context) -> dict[str, bytes]:
    root = wired.settings.home / "audit"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def log(wired: Context) -> Log:
    """Predictions and labels of yesterday, and predictions of today."""
    rewrite(wired.connection, "TRUNCATE promotions")
    wired.models.record_contract(CONTRACT)
    log = Log(wired)
    names = log.ship(5, NOON)
    log.ship(2, datetime.now(UTC))
    log.label(names[:3], 1)
    rewrite(wired.connection, "UPDATE label_store SET received_at = %s", (NOON,))
    return log


def test_a_day_has_its_rows_with_hashes_schema_and_contract(wired: Context, log: Log) -> None:
    exported = export(wired)
    assert (exported.rows["predictions"], exported.rows["labels"]) == (5, 3)
    written = manifest(wired)
    files = {file["table"]: file for file in written["files"]}
    assert files["predictions"]["rows"] == 5
    assert files["predictions"]["contracts"] == [CONTRACT.hash]
    assert written["contracts"][CONTRACT.hash] == {
        "use_case": "fraud",
        "columns": list(CONTRACT.columns),
    }
    table = pq.read_table(folder(wired) / files["predictions"]["file"])
    assert sorted(table["transaction_id"].to_pylist()) == log.names[:5]
    assert len(table["features"][0]) == len(CONTRACT.columns)
    assert list(files["predictions"]["schema"]) == table.schema.names
    assert audit.verify(wired.settings) == []


def test_a_second_run_changes_nothing(wired: Context, log: Log) -> None:
    export(wired)
    before = content(wired)
    assert sum(export(wired).rows.values()) == 0
    assert content(wired) == before


def test_rows_that_come_late_are_added_in_a_file_of_their_own(wired: Context, log: Log) -> None:
    export(wired)
    before = content(wired)
    log.ship(4, NOON + timedelta(hours=1))
    assert export(wired).rows["predictions"] == 4
    names = [file["file"] for file in manifest(wired)["files"] if file["table"] == "predictions"]
    assert names == ["predictions-0001.parquet", "predictions-0002.parquet"]
    after = content(wired)
    kept = {name: data for name, data in before.items() if not name.endswith("manifest.json")}
    assert {name: after[name] for name in kept} == kept
    assert audit.verify(wired.settings) == []


def test_decisions_are_exported_once(wired: Context, log: Log) -> None:
    wired.decisions.open(
        "fraud",
        "run",
        trigger="MANUAL",
        requested_by="ann",
        reason=None,
        params={},
        as_of=NOON,
        policy={},
        git_sha=None,
    )
    assert export(wired).rows["decisions"] == 0, "it is not decided"
    wired.decisions.decide("fraud", "run", verdict="REJECTED", reason="no")
    rewrite(wired.connection, "UPDATE decision_records SET decided_at = %s", (NOON,))
    assert export(wired).rows["decisions"] == 1
    assert export(wired).rows["decisions"] == 0
    (row,) = pq.read_table(folder(wired) / "decisions-0001.parquet").to_pylist()
    assert (row["run_id"], row["verdict"], row["reason"]) == ("run", "REJECTED", "no")


def test_a_run_that_dies_at_any_file_is_finished_by_the_next(
    wired: Context, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(wired)
    whole = content(wired)
    for path in sorted(folder(wired).iterdir()):
        path.unlink()
    save = AuditFolder.save
    calls = 0

    def dying(self: AuditFolder, manifest: Any) -> None:
        nonlocal calls
        calls += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(AuditFolder, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        export(wired)  # the first file is written, and no manifest names it
    monkeypatch.setattr(AuditFolder, "save", save)
    assert calls == 1
    assert (folder(wired) / "predictions-0001.parquet").exists()
    export(wired)
    assert content(wired).keys() == whole.keys()
    assert audit.verify(wired.settings) == []
    assert [file["rows"] for file in manifest(wired)["files"]] == [5, 3]


def test_a_file_that_can_not_be_written_leaves_nothing(wired: Context, log: Log) -> None:
    store = AuditFolder(wired.settings.home / "audit")

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": [1, 2]})
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        store.write(YESTERDAY, "labels-0001.parquet", batches(), keep_ids=True)
    assert list(folder(wired).iterdir()) == []


def test_a_changed_or_missing_file_is_found(wired: Context, log: Log) -> None:
    export(wired)
    (folder(wired) / "labels-0001.parquet").unlink()
    predictions = folder(wired) / "predictions-0001.parquet"
    predictions.write_bytes(predictions.read_bytes() + b"x")
    assert audit.verify(wired.settings) == [
        f"{YESTERDAY}/predictions-0001.parquet has changed since it was written",
        f"{YESTERDAY}/labels-0001.parquet is missing",
    ]


def test_a_damaged_manifest_is_named_with_the_remedy(wired: Context, log: Log) -> None:
    export(wired)
    (folder(wired) / "manifest.json").write_text("{")
    with pytest.raises(EvidenceError, match=r"is not a manifest .*restore it from a backup"):
        export(wired)


def test_two_at_once_are_refused(wired: Context) -> None:
    store = AuditFolder(wired.settings.home / "audit")
    with store.locked(), pytest.raises(EvidenceError, match="another process writes"):
        export(wired)


def test_a_day_without_rows_has_a_manifest_too(wired: Context, log: Log) -> None:
    rewrite(
        wired.connection,
        "UPDATE label_store SET received_at = received_at - interval '2 days'"
        " WHERE transaction_id = 't-0'",
    )
    export(wired)
    assert manifest(wired, YESTERDAY - DAY)["files"] == []
    assert [file["table"] for file in manifest(wired, YESTERDAY - 2 * DAY)["files"]] == ["labels"]
