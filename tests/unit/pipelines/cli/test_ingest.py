"""`sixgate ingest`: the snapshot, and where the refused rows went."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import SixgateError
from pipelines.exit_codes import OK
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with three rows, of which the last has an amount that the contract forbids."""
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    usual = {feature.name: 0.5 for feature in CONTRACT.features}
    usual |= {"during_weekend": 0, "during_night": 1, "customer_id": "c", "is_fraud": 0}
    file = tmp_path / "history.csv"
    with file.open("w", newline="") as stream:
        names = ["transaction_id", "event_time", *usual]
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        for number, amount in enumerate((10, 20, -5)):
            row = {"transaction_id": f"t{number}", "event_time": "2026-01-01T12:00:00"}
            writer.writerow(usual | row | {"amount": amount})
    return file


def test_it_prints_the_snapshot_the_quarantine_and_what_to_do_next(history: Path) -> None:
    done = CliRunner().invoke(app.app, ["ingest", str(history)])
    assert done.exit_code == OK, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith(": 2 rows")
    assert lines[1].startswith("1 rows are in quarantine, with reasons: ")
    assert lines[-1].startswith('train on it: run fraud_retraining with {"snapshot": "')


def test_as_json_it_prints_the_same_snapshot_again(history: Path) -> None:
    documents = [
        json.loads(CliRunner().invoke(app.app, ["ingest", str(history), "--json"]).stdout)
        for _ in range(2)
    ]
    assert documents[0]["rows"] == 2
    assert documents[0]["quarantined"] == 1
    assert documents[0]["snapshot"] == documents[1]["snapshot"]


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    done = CliRunner().invoke(app.app, ["ingest", "nothing.csv"])
    assert isinstance(done.exception, SixgateError)
    assert "nothing.csv does not exist" in str(done.exception)
