"""Files past their retention, and the list of snapshots, on a real database and folder."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import Context
from pipelines.housekeeping import SHARED, delete_expired_files
from pipelines.ingestion import ingest
from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.snapshots import list_snapshots
from stack.demo.profiles.fraud import PaymentWorld
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import simulate
from tests.integration.logged import NOW, rewrite

POLICY = {"fraud": Retention(snapshots=timedelta(days=10), logs=timedelta(days=20))}
LATER = datetime.now(UTC) + timedelta(days=500)


def save(wired: Context, kind: str, number: int) -> str:
    return wired.artifacts.save(kind, pa.table({"x": [number]}))


def decided(wired: Context, run_id: str, **dataset: str) -> None:
    """A decision that registered a model on these files."""
    wired.decisions.open(
        "fraud",
        run_id,
        trigger="MANUAL",
        requested_by=None,
        reason=None,
        params={},
        as_of=NOW,
        policy={},
        git_sha=None,
    )
    wired.decisions.set_dataset(
        "fraud", run_id, dataset=dataset, evidence_source="LOGGED", champion_version=None
    )
    wired.decisions.set_challenger("fraud", run_id, 3)
    wired.decisions.decide("fraud", run_id, verdict="REJECTED", reason="no")


def test_files_go_after_their_retention_but_for_those_that_are_used(wired: Context) -> None:
    history = save(wired, "snapshots", 1)
    unused = save(wired, "snapshots", 2)
    train = save(wired, "datasets", 3)
    other = save(wired, "datasets", 4)
    save(wired, "quarantine", 5)
    wired.artifacts.note_import("snapshots", unused, {"file": "old.csv"})
    wired.artifacts.report("validation-x.json", {"rows": 1})
    decided(wired, "run", history=history, train=train)
    soon = datetime.now(UTC) + timedelta(days=11)
    deleted = delete_expired_files(wired.settings, wired.connection, POLICY, soon)["fraud"]
    assert deleted.files == {"snapshots": 1, "datasets": 0, "quarantine": 0, "reports": 0}
    assert deleted.bytes > 0
    deleted = delete_expired_files(wired.settings, wired.connection, POLICY, LATER)["fraud"]
    assert deleted.files == {"snapshots": 0, "datasets": 1, "quarantine": 1, "reports": 1}
    assert wired.artifacts.ids("snapshots") == [history]
    assert wired.artifacts.ids("datasets") == [train]
    assert not wired.artifacts.path("snapshots", unused).with_suffix(".json").exists()
    assert other not in wired.artifacts.ids("datasets")


def test_a_file_that_is_written_again_stays(wired: Context) -> None:
    save(wired, "snapshots", 1)
    (listed,) = wired.artifacts.files()
    path = wired.artifacts.path("snapshots", listed.name)
    os.utime(path, (path.stat().st_mtime + 10,) * 2)
    assert wired.artifacts.remove(listed) == 0
    assert path.exists()


def run_log(wired: Context, dag: str, run: str, age: timedelta) -> Path:
    folder = Path(wired.settings.home / "airflow" / "logs" / f"dag_id={dag}" / f"run_id={run}")
    file = folder / "task_id=train" / "attempt=1.log"
    file.parent.mkdir(parents=True)
    file.write_text("a log")
    written = (datetime.now(UTC) - age).timestamp()
    for path in (file, file.parent, folder):
        os.utime(path, (written, written))
    return folder


def test_task_logs_go_after_the_retention_of_their_use_case(wired: Context) -> None:
    days = [timedelta(days=number) for number in (10, 30, 100)]
    fraud = [run_log(wired, "fraud_retraining", str(age.days), age) for age in days]
    shared = [run_log(wired, "housekeeping", str(age.days), age) for age in days]
    now = datetime.now(UTC)
    deleted = delete_expired_files(wired.settings, wired.connection, POLICY, now)
    assert [path.exists() for path in fraud] == [True, False, False]
    assert [path.exists() for path in shared] == [True, True, False]
    assert (deleted["fraud"].logs, deleted[SHARED].logs) == (2, 1)


@pytest.fixture
def ingested(wired: Context, tmp_path: Path) -> str:
    """The id of a snapshot that was ingested from two files of equal content."""
    contract = wired.use_case.contract
    start = NOW - timedelta(days=20)
    world = PaymentWorld(seed=97, start=start, days=2, customers=50, terminals=20)
    names = {"label": contract.label.name, "entity_key": contract.entity_key}
    table = as_snapshot(simulate(world), contract).to_pandas().rename(columns=names)
    ids = set()
    for name in ("first.csv", "second.csv"):
        table.to_csv(tmp_path / name, index=False)
        ids.add(ingest(tmp_path / name, contract, wired.artifacts).snapshot)
    (id_,) = ids
    return id_


def test_a_snapshot_says_where_it_came_from_and_what_uses_it(wired: Context, ingested: str) -> None:
    decided(wired, "run", history=ingested)
    (snapshot,) = list_snapshots(wired.settings, wired.connection, "fraud")
    assert (snapshot.id, snapshot.quarantined) == (ingested, 0)
    assert snapshot.rows
    assert Path(snapshot.file or "").name == "second.csv"
    assert [Path(entry["file"]).name for entry in snapshot.imports] == ["first.csv", "second.csv"]
    (use,) = snapshot.used_by
    assert use.endswith("(version 3): history")


def test_the_commands_print_what_there_is(
    wired: Context, ingested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(wired.connection, "TRUNCATE promotions")
    monkeypatch.setenv("SIXGATE_HOME", str(wired.settings.home))
    monkeypatch.setenv("SIXGATE_DATABASE_URL", wired.settings.database_url)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app.app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    (snapshot,) = json.loads(run("snapshots", "--json"))
    assert snapshot["id"] == ingested
    assert ingested in run("snapshots")
    assert "fraud: 0 snapshots, 0 datasets" in run("housekeeping", "files")
    assert json.loads(run("housekeeping", "files", "--json"))["fraud"]["logs"] == 0
    assert "days of the audit trail" in run("housekeeping", "audit")
    assert "is as its manifest says" in run("housekeeping", "audit", "--verify")
