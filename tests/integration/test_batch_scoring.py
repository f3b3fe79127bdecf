"""`sixgate score` beside a real server: the same scores, logged once, whatever happens meanwhile."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipelines.exit_codes import REFUSED, TOO_MANY_REFUSED
from pipelines.settings import ROOT
from tests.integration.batch_files import (
    command,
    environment,
    promote_trees,
    rows,
    score,
    scored_json,
    write_csv,
)
from tests.integration.server import Database, Server, one, promote, until

ROWS = 700


@pytest.fixture
def database_url(migrated: str, copy_database: Callable[[str], str]) -> str:
    """A database of each test's own: the ledger and the log can't be emptied."""
    return copy_database(migrated)


@pytest.fixture
def trees(tmp_path: Path, database_url: str, database: Database) -> Iterator[Server]:
    """A server whose model is made of trees."""
    server = Server(tmp_path, database_url)
    promote_trees(server, database)
    server.start()
    yield server
    server.end(signal.SIGKILL)
    server.client.close()


def read(file: Path) -> pa.Table:
    return pq.read_table(file) if file.suffix == ".parquet" else pyarrow.csv.read_csv(file)


def test_scores_and_labels_are_bit_for_bit_those_of_the_server(trees, database_url, tmp_path):
    documents = rows(ROWS)
    batch = trees.client.post("/v1/fraud/predict/batch", json={"rows": documents}).json()
    alone = [trees.client.post("/v1/fraud/predict", json=row).json() for row in documents[:50]]
    expected = [(each["score"], each["predicted_label"]) for each in batch["predictions"]]
    assert [(each["score"], each["predicted_label"]) for each in alone] == expected[:50]
    assert {label for _, label in expected} == {0, 1}
    files = {"a.csv": write_csv(tmp_path / "a.csv", documents)}
    files["a.parquet"] = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(documents), files["a.parquet"])
    for file in files.values():
        result = scored_json(trees, database_url, file)
        table = read(Path(result["out"]))
        assert result["rows"] == ROWS
        scored = zip(table["score"].to_pylist(), table["flagged"].to_pylist(), strict=True)
        assert list(scored) == expected
        assert set(table["model_version"].to_pylist()) == {1}


def test_logged_predictions_are_like_those_of_the_server(trees, database, database_url, tmp_path):
    documents = [{**row, "transaction_id": f"x{n}"} for n, row in enumerate(rows(60))]
    answered = trees.client.post("/v1/fraud/predict/batch", json={"rows": documents}).json()
    ids = [each["prediction_id"] for each in answered["predictions"]]
    until(lambda: one(database, "SELECT count(*) FROM prediction_logs") == 60, "they are logged")
    file = write_csv(tmp_path / "a.csv", documents)
    result = scored_json(trees, database_url, file, "--log")
    assert result["logged"] == 60
    table = read(Path(result["out"]))
    columns = (
        "transaction_id, entity_key, model_version, contract_hash, model_contract_hash, features, score, predicted_label,"
        " threshold, CASE WHEN event_time = scored_at THEN NULL ELSE event_time END"
    )
    query = f"SELECT {columns} FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[]) ORDER BY transaction_id"
    online = database.execute(query, (ids,)).fetchall()
    by_file = database.execute(query, (table["prediction_id"].to_pylist(),)).fetchall()
    assert len(by_file) == 60
    assert repr(by_file) == repr(online)  # NaN is not equal to itself
    found = trees.client.get(f"/v1/fraud/predictions/{table['prediction_id'][0]}")
    assert found.status_code == 200
    assert found.json()["replica"] == f"job-{result['job']}"


def test_the_same_file_is_logged_once(trees, database, database_url, tmp_path):
    file = write_csv(tmp_path / "a.csv", rows(50))
    first = scored_json(trees, database_url, file, "--log")
    content = Path(first["out"]).read_bytes()
    again = scored_json(trees, database_url, file, "--log", "--out", tmp_path / "b.csv")
    assert (first["logged"], again["logged"]) == (50, 0)
    assert Path(again["out"]).read_bytes() == content
    assert one(database, "SELECT count(*) FROM prediction_logs") == 50
    assert one(database, "SELECT attempts FROM scoring_jobs WHERE state = 'SUCCEEDED'") == 2


def test_after_a_kill_the_next_attempt_gives_the_same_file_and_logs_each_row_once(
    trees, database, database_url, tmp_path
):
    documents = rows(400) * 100
    file = write_csv(tmp_path / "a.csv", documents)
    whole = scored_json(trees, database_url, file, "--out", tmp_path / "whole.csv")
    logging = command(file, "--log")
    with subprocess.Popen(logging, cwd=ROOT, env=environment(trees, database_url)) as process:
        until(lambda: one(database, "SELECT count(*) FROM prediction_logs"), "it began", 60)
        process.kill()
    logged = one(database, "SELECT count(*) FROM prediction_logs")
    assert 0 < logged < len(documents)
    assert not (tmp_path / "a.scored.csv").exists()
    result = scored_json(trees, database_url, file, "--log")
    assert result["logged"] == len(documents) - one_more(database, logged, result)
    assert one(database, "SELECT count(*) FROM prediction_logs") == len(documents)
    ours = read(tmp_path / "a.scored.csv")
    assert len(set(ours["prediction_id"].to_pylist())) == len(documents)
    assert ours.drop_columns(["prediction_id"]).equals(read(Path(whole["out"])))
    assert not list(tmp_path.glob(".*.writing"))


def one_more(database: Database, logged: int, result: dict[str, object]) -> int:
    """The rows that the killed process logged; its last transaction may have ended after the count."""
    total = int(str(result["rows"])) - int(str(result["logged"]))
    assert total >= logged
    return total


def test_refused_rows_are_in_quarantine_and_too_many_of_them_exit_with_4(
    trees, database_url, tmp_path
):
    documents = rows(100)
    documents[7]["amount"] = "much"
    done = score(trees, database_url, write_csv(tmp_path / "a.csv", documents))
    assert done.returncode == 0, done.stderr
    assert "99 rows scored" in done.stdout
    assert "amount: not a number" in done.stdout
    assert "line 9: 'much'" in done.stdout
    for row in documents[:90]:
        row["amount"] = -1
    done = score(trees, database_url, write_csv(tmp_path / "b.csv", documents))
    assert done.returncode == TOO_MANY_REFUSED
    assert "90 of 100 rows were refused" in done.stderr
    assert len(read(tmp_path / "b.scored.csv")) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--use-case", "nothing"], "nothing"),
        (["--version", "12"], "has no model version 12"),
        (["--version", "newest"], "--version 'newest' is not a version"),
        (["--out", "a.csv"], "is the file that is scored"),
        (["--format", "xlsx"], "--format 'xlsx' is unknown"),
    ],
)
def test_a_mistake_is_one_clear_line(trees, database_url, tmp_path, arguments, message):
    file = write_csv(tmp_path / "a.csv", rows(3))
    arguments = [str(file) if argument == "a.csv" else argument for argument in arguments]
    done = score(trees, database_url, file, *arguments)
    assert done.returncode == REFUSED, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert message in line


def test_without_a_model_in_production_the_command_says_what_to_do(database_url, tmp_path):
    server = Server(tmp_path, database_url)
    done = score(server, database_url, write_csv(tmp_path / "a.csv", rows(3)))
    assert done.returncode == REFUSED
    assert "fraud has no model in Production: train and promote one" in done.stderr


def test_a_file_is_scored_with_the_version_in_production(trees, database, database_url, tmp_path):
    file = write_csv(tmp_path / "a.csv", rows(20))
    first = scored_json(trees, database_url, file)
    promote(trees, database, 2, bias=1)
    time.sleep(0.1)
    second = scored_json(trees, database_url, file)
    assert (first["model_version"], second["model_version"]) == (1, 2)
