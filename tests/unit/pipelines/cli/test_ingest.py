"""`sixgate ingest`: the snapshot, and where the refused rows went."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import ParameterError, SixgateError
from pipelines.exit_codes import OK, TOO_MANY_REFUSED
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

WriteHistory = Callable[[Sequence[float | str]], str]
CONTRACT = read_contract(ROOT / "reference" / "fraud")


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WriteHistory:
    """Write a file with these amounts; the contract forbids negative ones."""
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    usual = {feature.name: 0.5 for feature in CONTRACT.features}
    usual |= {"during_weekend": 0, "during_night": 1, "customer_id": "c"}

    def write(amounts: Sequence[float | str]) -> str:
        file = tmp_path / "history.csv"
        with file.open("w", newline="") as stream:
            names = ["transaction_id", "event_time", "is_fraud", *usual]
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            for number, amount in enumerate(amounts):
                row = {"transaction_id": f"t{number}", "event_time": "2026-01-01T12:00:00"}
                is_fraud = {"is_fraud": int(str(amount)[0] in "-1")}
                writer.writerow(usual | row | is_fraud | {"amount": amount})
        return str(file)

    return write


def test_it_prints_the_snapshot_the_quarantine_and_what_to_do_next(history: WriteHistory) -> None:
    done = CliRunner().invoke(app.app, ["ingest", history([20] * 120 + [-5])])
    assert done.exit_code == OK, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith(": 120 rows")
    assert lines[1].startswith("1 rows are in quarantine, with reasons: ")
    assert lines[2].startswith("  1 row: amount: outside [0, 100000]: correct the values, or widen")
    assert lines[3] == "      line 122: '-5'"
    assert lines[-1].startswith('train on it: run fraud_retraining with {"snapshot": "')


def test_as_json_it_prints_the_same_snapshot_again(history: WriteHistory) -> None:
    file = history([20] * 120 + [-5])
    documents = [
        json.loads(CliRunner().invoke(app.app, ["ingest", file, "--json"]).stdout) for _ in range(2)
    ]
    assert documents[0]["rows"] == 120
    assert documents[0]["quarantined"] == 1
    assert documents[0]["snapshot"] == documents[1]["snapshot"]


def test_above_the_quarantine_share_it_stores_no_snapshot_and_says_what_to_do(
    history: WriteHistory, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app.app, ["ingest", history([20] * 90 + ["1,500.00"] * 10)])
    assert done.exit_code == TOO_MANY_REFUSED
    assert "snapshot " not in done.stdout.replace("no snapshot", "")
    assert (
        "  10 rows: amount: not a number: thousands separators? set `csv.thousands" in done.stdout
    )
    assert "      line 92: '1,500.00'" in done.stdout
    assert done.stdout.count("'1,500.00'") == 3
    assert "warning: amount: 10 numbers with thousands separators were refused" in done.stdout
    assert "mostly values below 1,000 were kept" in done.stdout
    assert "100.0% of the refused rows are positive, 0.0% of the others (fisher" in done.stdout
    assert "10 of 100 rows were refused" in done.stderr
    assert not list(tmp_path.rglob("snapshots/*"))
    assert list(tmp_path.rglob("quarantine/ingest-*.parquet"))


def test_as_json_it_says_the_same_of_refused_rows(history: WriteHistory) -> None:
    file = history([20] * 90 + ["1,500.00"] * 10)
    done = CliRunner().invoke(app.app, ["ingest", file, "--json"])
    assert done.exit_code == TOO_MANY_REFUSED
    document = json.loads(done.stdout)
    assert document["snapshot"] == ""
    (refusal,) = document["refusals"]
    assert (refusal["column"], refusal["rows"]) == ("amount", 10)
    assert refusal["samples"][0] == {"number": 92, "value": "1,500.00"}
    assert document["label_dependence"]["refused_positives"] == 10
    assert len(document["warnings"]) == 2


def test_a_flag_says_how_the_numbers_are_written(history: WriteHistory) -> None:
    file = history([20] * 90 + ["1,500.00"] * 10)
    done = CliRunner().invoke(app.app, ["ingest", file, "--thousands", ","])
    assert done.exit_code == OK, done.output
    assert done.stdout.splitlines()[0].endswith(": 100 rows")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "nothing to import", id="no source"),
        pytest.param(["a.csv", "--query", "SELECT 1"], "are two sources", id="two sources"),
        pytest.param(["--query", "SELECT 1"], "--query needs a database", id="no database"),
        pytest.param(["a.csv", "--decimal", ";"], "--decimal ';' is not . or ,", id="decimal"),
        pytest.param(["a.csv", "--date-format", "%H"], "--date-format '%H' does not", id="date"),
        pytest.param(
            ["--query", "SELECT 1", "--connection", "host"], "no connection 'host'", id="no such id"
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))  # no Airflow beside it
    done = CliRunner().invoke(app.app, ["ingest", *arguments])
    assert isinstance(done.exception, ParameterError)
    assert message in str(done.exception)


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    done = CliRunner().invoke(app.app, ["ingest", "nothing.csv"])
    assert isinstance(done.exception, SixgateError)
    assert "nothing.csv does not exist" in str(done.exception)
