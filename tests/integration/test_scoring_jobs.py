"""Files over HTTP: uploaded to a real server, scored by the step of the DAG, downloaded again."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipelines.exit_codes import OK, REFUSED, SKIPPED
from pipelines.housekeeping import delete_expired_files
from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import connect
from tests.integration.batch_files import environment, promote_trees, rows, write_csv
from tests.integration.server import Database, Server, one, until

JOBS = "/v1/fraud/jobs"
CSV = {"Content-Type": "text/csv"}
Step = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def database_url(migrated: str, copy_database: Callable[[str], str]) -> str:
    return copy_database(migrated)


@pytest.fixture
def trees(tmp_path: Path, database_url: str, database: Database) -> Iterator[Server]:
    server = Server(tmp_path, database_url)
    promote_trees(server, database)
    server.start(SIXGATE_UPLOAD_BYTES=str(4 * 2**20))
    yield server
    server.end()
    server.client.close()


@pytest.fixture
def step(trees: Server, database_url: str) -> Step:
    """Run the step of the DAG with params; return its exit code and its result, or its message."""

    def step(**params: Any) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", "step", "score_file"],
            cwd=ROOT,
            env=environment(trees, database_url) | {"SIXGATE_STEP_PARAMS": json.dumps(params)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        last = (done.stdout or done.stderr).strip().splitlines()[-1]
        if done.returncode in (OK, SKIPPED):
            return done.returncode, dict(json.loads(last))
        return done.returncode, {"message": done.stderr}

    return step


def upload(server: Server, content: bytes, **options: Any) -> dict[str, Any]:
    answer = server.client.post(JOBS, content=content, **({"headers": CSV} | options))
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_a_file_is_uploaded_scored_and_downloaded(trees, database, step, tmp_path):
    documents = rows(300)
    file = write_csv(tmp_path / "a.csv", documents)
    predicted = trees.client.post("/v1/fraud/predict/batch", json={"rows": documents}).json()
    job = upload(trees, file.read_bytes(), params={"log": "true"})
    assert (job["state"], job["rows"], job["links"]["result"]) == ("QUEUED", None, None)
    assert trees.client.get(f"{JOBS}/{job['job_id']}/result").status_code == 409
    assert step() == (OK, {"jobs": 1, "scored": 1, "failed": 0})
    done = trees.client.get(job["links"]["self"]).json()
    assert (done["state"], done["rows"], done["refused"]) == ("SUCCEEDED", 300, 0)
    result = trees.client.get(done["links"]["result"])
    assert result.headers["content-type"].startswith("text/csv")
    table = pyarrow.csv.read_csv(io.BytesIO(result.content))
    assert table["score"].to_pylist() == [each["score"] for each in predicted["predictions"]]
    ids = table["prediction_id"].to_pylist()
    query = "SELECT count(*) FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[])"
    assert one(database, query, ids) == 300
    folder = trees.home / "jobs" / "fraud" / job["job_id"]
    assert [path.name for path in folder.iterdir()] == ["scored.csv"]
    assert (folder / "scored.csv").stat().st_mode & 0o777 == 0o600
    assert step()[0] == SKIPPED


def test_a_parquet_file_comes_back_as_parquet(trees, step):
    import pyarrow as pa

    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows(50)), content)
    kind = {"Content-Type": "application/vnd.apache.parquet"}
    job = upload(trees, content.getvalue(), headers=kind)
    assert step(job=job["job_id"])[1]["scored"] == 1
    result = trees.client.get(f"{JOBS}/{job['job_id']}/result")
    assert pq.read_table(io.BytesIO(result.content)).num_rows == 50


def test_a_file_that_can_t_be_scored_fails_with_the_reason_and_the_next_one_follows(
    trees, step, tmp_path
):
    empty = upload(trees, b"what\n1\n")
    good = upload(trees, write_csv(tmp_path / "a.csv", rows(5)).read_bytes())
    assert step()[1] == {"jobs": 2, "scored": 1, "failed": 1}
    failed = trees.client.get(f"{JOBS}/{empty['job_id']}").json()
    assert failed["state"] == "FAILED"
    assert failed["error"].startswith("rows.csv: no column for ")
    assert str(trees.home) not in failed["error"]
    answer = trees.client.get(f"{JOBS}/{empty['job_id']}/result")
    assert answer.status_code == 409
    assert "no column for" in answer.json()["detail"]
    assert trees.client.get(f"{JOBS}/{good['job_id']}").json()["state"] == "SUCCEEDED"


def test_a_job_whose_process_was_killed_is_scored_again_with_the_same_version_and_ids(
    trees, database, database_url, step, tmp_path
):
    content = write_csv(tmp_path / "a.csv", rows(400) * 20).read_bytes()
    job = upload(trees, content, params={"log": "true"})
    command = [sys.executable, "-m", "pipelines", "step", "score_file"]
    variables = environment(trees, database_url)
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL) as process:
        until(lambda: one(database, "SELECT count(*) FROM prediction_logs"), "it began", 60)
        process.kill()
    assert trees.client.get(f"{JOBS}/{job['job_id']}").json()["state"] == "RUNNING"
    promote_trees(trees, database, version=2)
    assert step()[1]["scored"] == 1
    done = trees.client.get(f"{JOBS}/{job['job_id']}").json()
    assert (done["model_version"], done["rows"]) == (1, 8000)
    assert one(database, "SELECT count(*) FROM prediction_logs") == 8000


def test_a_job_that_ends_its_process_each_time_is_given_up(trees, database, step, tmp_path):
    job = upload(trees, write_csv(tmp_path / "a.csv", rows(5)).read_bytes())
    database.execute("UPDATE scoring_jobs SET state = 'RUNNING', attempts = 3")
    assert step()[1]["failed"] == 1
    assert "ended 3 times" in trees.client.get(f"{JOBS}/{job['job_id']}").json()["error"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"a,b\n", {"Content-Type": "application/json"}, 415),
        (b"", CSV, 422),
        (b"a" * (4 * 2**20 + 1), CSV, 413),
    ],
)
def test_an_upload_that_is_refused_leaves_nothing(trees, database, content, headers, status):
    answer = trees.client.post(JOBS, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    chunks = iter([content[: 2**20], content[2**20 :]])
    answer = trees.client.post(JOBS, content=chunks, headers=headers)  # without Content-Length
    assert answer.status_code == status, answer.text
    assert one(database, "SELECT count(*) FROM scoring_jobs") == 0
    assert not list((trees.home / "jobs").glob("*/*"))


def test_only_the_key_that_requested_a_job_sees_it(trees, tmp_path):
    from serving.wire.api_keys import ApiKey, hashed, write

    keys = [
        ApiKey("admin", hashed("k"), frozenset({"admin"})),
        ApiKey("other", hashed("other"), frozenset({"predict"})),
        ApiKey("reader", hashed("reader"), frozenset({"read"})),
    ]
    write(trees.home / "api_keys.json", keys)
    job = upload(trees, write_csv(tmp_path / "a.csv", rows(5)).read_bytes())
    path = f"{JOBS}/{job['job_id']}"

    def status(key: str, url: str = path) -> int:
        with httpx.Client(
            base_url=str(trees.client.base_url), headers={"X-API-Key": key}
        ) as client:
            return client.get(url).status_code

    until(lambda: status("other") == 404, "the keys are read again")
    assert status("other", f"{path}/result") == 404
    assert status("reader") == 403
    assert status("nobody") == 403
    assert status("k") == 200


def test_a_named_file_is_scored_below_the_folder_of_files_only(trees, step, tmp_path):
    folder = trees.home / "files"
    folder.mkdir(parents=True)
    write_csv(folder / "a.csv", rows(30))
    code, result = step(file="a.csv", out="b.parquet", log=True)
    assert (code, result["rows"]) == (OK, 30)
    assert pq.read_table(folder / "b.parquet").num_rows == 30
    (folder / "link.csv").symlink_to(write_csv(tmp_path / "outside.csv", rows(3)))
    for params in (
        {"file": "../a.csv"},
        {"file": "link.csv"},
        {"file": "a.csv", "out": "/tmp/x.csv"},
    ):
        code, result = step(**params)
        assert code == REFUSED
        assert "is not below" in result["message"]
    code, result = step(file="nothing.csv")
    assert (code, "does not exist" in result["message"]) == (REFUSED, True)
    assert step(job="x")[0] == REFUSED


def test_housekeeping_deletes_jobs_and_what_an_upload_left(
    trees, database, database_url, step, tmp_path
):
    import os
    from datetime import UTC, datetime, timedelta
    from uuid import uuid4

    job = upload(trees, write_csv(tmp_path / "a.csv", rows(5)).read_bytes())
    assert step()[1]["scored"] == 1
    stray = trees.home / "jobs" / "fraud" / str(uuid4())
    stray.mkdir(mode=0o700)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    os.utime(stray, (long_ago.timestamp(), long_ago.timestamp()))
    settings = Settings(home=trees.home, database_url=database_url)
    kept = {"fraud": Retention()}
    with connect(settings, autocommit=True) as connection:
        now = datetime.now(UTC)
        assert delete_expired_files(settings, connection, kept, now)["fraud"].jobs == 1
        assert not stray.exists()
        later = now + timedelta(days=31)
        assert delete_expired_files(settings, connection, kept, later)["fraud"].jobs == 1
    assert trees.client.get(f"{JOBS}/{job['job_id']}").status_code == 404
    assert not list((trees.home / "jobs" / "fraud").iterdir())
