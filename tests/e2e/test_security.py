"""What SECURITY.md says of one machine, tried on a running stack that has trained and reviewed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from pipelines.settings import ROOT, Settings
from stack.airflow_client import Airflow
from stack.home import Home, home_of
from stack.processes.confinement import version
from stack.processes.environments import Environments
from stack.processes.postgres import DATABASES, Postgres
from stack.registry_server.access import SERVER, STEPS
from tests.e2e import web
from tests.e2e.test_story import CHROMIUM, pages, signed_in

STRANGER = 61000  # a user of this machine that has no account and owns nothing
PARTS = (
    "postgres", "mlflow", "server", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
)  # fmt: skip
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can run a process as another user"
)

# Which process is told which secret; everything else is kept from it.
TOLD = {
    "postgres": set(),
    "mlflow": {"postgres_mlflow", "mlflow_admin", "mlflow_steps", "mlflow_server", "mlflow_secret"},
    "server": {"postgres_server", "api_key", "mlflow_server"},
    "airflow-api-server": {
        "postgres_pages", "postgres_airflow", "airflow_fernet", "airflow_secret", "airflow_jwt", "airflow_path",
    },
    "airflow-scheduler": {
        "postgres_steps", "postgres_airflow", "mlflow_steps", "airflow_fernet", "airflow_secret", "airflow_jwt", "airflow_path",
    },
    "airflow-dag-processor": {"postgres_airflow", "airflow_fernet", "airflow_path"},
    "airflow-triggerer": {"postgres_airflow", "airflow_fernet", "airflow_path"},
}  # fmt: skip


@pytest.fixture(scope="module")
def home(stack: Settings) -> Home:
    return home_of(stack)


@pytest.fixture(scope="module")
def secrets(home: Home) -> dict[str, str]:
    """Every secret of the stack by its name; `instance` is a mark, and none."""
    return {name: value for name, value in asdict(home.secrets()).items() if name != "instance"}


@pytest.fixture(scope="module")
def environments(stack: Settings, home: Home) -> Environments:
    drawn = home.secrets()
    return Environments(
        home,
        drawn,
        Postgres.embedded(home.path, instance=drawn.instance, port=stack.pg_port),
        stack,
    )


@dataclass(frozen=True)
class Registry:
    """The stack's MLflow server, asked as one of its accounts."""

    uri: str
    passwords: dict[str, str]

    def ask(self, account: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        auth = (account, self.passwords[account]) if account else None
        return httpx.request(method, self.uri + path, auth=auth, timeout=20, **options)


@pytest.fixture(scope="module")
def registry(stack: Settings, secrets: dict[str, str]) -> Registry:
    passwords = {
        "admin": secrets["mlflow_admin"],
        STEPS: secrets["mlflow_steps"],
        SERVER: secrets["mlflow_server"],
    }
    return Registry(f"http://127.0.0.1:{stack.mlflow_port}", passwords)


@pytest.fixture(scope="module")
def model_folder(stack: Settings, registry: Registry) -> str:
    """Path of a registered model's files below MLflow's artifact API; a stack that has none trains one."""

    def versions() -> list[dict[str, Any]]:
        return (
            registry.ask("admin", "GET", "/api/2.0/mlflow/model-versions/search")
            .json()
            .get("model_versions", [])
        )

    if not versions():
        with contextlib.closing(Airflow(stack)) as airflow:
            airflow.wait_for_dag("fraud_retraining")
            run = airflow.trigger("fraud_retraining", {"reference": True})
            airflow.finish("fraud_retraining", run, seconds=300)
    model = versions()[0]["source"].rpartition("/")[2]
    info = registry.ask("admin", "GET", f"/api/2.0/mlflow/logged-models/{model}").json()["model"][
        "info"
    ]
    return info["artifact_uri"].removeprefix("mlflow-artifacts:/")


@pytest.fixture(scope="module")
def processes(home: Home) -> dict[str, list[psutil.Process]]:
    """Each part's process and its descendants."""
    found = {}
    for name in PARTS:
        parent = psutil.Process(int((home.run / f"{name}.pid").read_text().split()[0]))
        found[name] = [parent, *parent.children(recursive=True)]
    return found


ATTACK = """
import json, os, socket, sys, urllib.error, urllib.request
from pathlib import Path
plan = json.loads(sys.argv[1])
found = {}
def http(name, method, url, body=None, **headers):
    request = urllib.request.Request(url, method=method, data=None if body is None else body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            found[name] = answer.status
    except urllib.error.HTTPError as error:
        found[name] = error.code
def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except Exception as error:
        found[name] = type(error).__name__
mlflow = plan["mlflow"]
create = json.dumps({"name": "evil", "artifact_location": plan["dags"]})
http("mlflow: experiment", "POST", mlflow + "/api/2.0/mlflow/experiments/create", create)
http("mlflow: upload", "POST", mlflow + "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=1&path=evil.py", "x")
http("mlflow: file", "PUT", mlflow + "/api/2.0/mlflow-artifacts/artifacts/1/evil.py", "x")
http("mlflow: files", "GET", mlflow + "/api/2.0/mlflow-artifacts/artifacts?path=")
http("mlflow: models", "GET", mlflow + "/api/2.0/mlflow/registered-models/search")
http("mlflow: graphql", "POST", mlflow + "/graphql", "{}")
http("mlflow: page", "GET", mlflow + "/")
http("airflow: runs", "POST", plan["airflow"] + "/api/v2/dags/fraud_retraining/dagRuns", "{}")
http("airflow: connections", "GET", plan["airflow"] + "/api/v2/connections")
http("airflow: drift page", "GET", plan["pages"] + "/sixgate/drift/fraud/")
http("airflow: explanation page", "GET", plan["pages"] + "/sixgate/explanations/fraud/")
http("airflow: execution", "PATCH", plan["pages"] + "/execution/task-instances/x/run", "{}")
http("server: predict", "POST", plan["server"] + "/v1/fraud/predict", "{}")
http("server: labels", "POST", plan["server"] + "/v1/fraud/labels", "{}")
http("server: model", "GET", plan["server"] + "/v1/fraud/model")
for path in plan["files"]:
    attempt("read " + path, lambda: Path(path).read_bytes())
for path in plan["folders"]:
    attempt("write " + path, lambda: (Path(path) / "evil.py").write_text("x"))
def socket_of_supervisor():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(plan["socket"])
attempt("supervisor", socket_of_supervisor)
for pid in plan["processes"]:
    for name in ("environ", "mem", "root"):
        attempt(f"{name} of {pid}", lambda: (Path(f"/proc/{pid}") / name).open("rb").read(1) if name != "root"
                else os.listdir(f"/proc/{pid}/root"))
print(json.dumps(found))
"""


@needs_root
def test_another_user_of_this_machine_reads_writes_and_starts_nothing(
    stack: Settings, home: Home, processes: dict[str, list[psutil.Process]]
) -> None:
    plan = {
        "mlflow": f"http://127.0.0.1:{stack.mlflow_port}", "airflow": stack.airflow_url, "server": stack.api_url,
        "pages": pages(stack),
        "dags": (ROOT / "dags").as_uri(), "folders": [str(ROOT / "dags"), str(ROOT / "plugins"), str(home.path)],
        "files": [str(home.secrets_file), str(home.env_file), str(home.run / "mlflow.launch.json")],
        "socket": str(home.run / "supervisor.sock"), "processes": [each.pid for group in processes.values() for each in group],
    }  # fmt: skip
    python = (
        "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    )  # one that a stranger may start
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", ATTACK, json.dumps(plan)], user=STRANGER, group=STRANGER, extra_groups=[], cwd=folder[:4],
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # A process of the stack may end meanwhile, and has no files then.
    ended = [f" of {pid}" for pid in plan["processes"] if not psutil.pid_exists(pid)]
    let_in = {
        name: what
        for name, what in found.items()
        if what not in (401, 403, "PermissionError") and not name.endswith(tuple(ended))
    }
    assert not let_in
    assert len(found) > 15


@pytest.mark.parametrize("account", ["admin", STEPS, SERVER])
@pytest.mark.parametrize("key", ["artifact_location", "artifactLocation"])
def test_no_account_of_mlflow_places_files_elsewhere(
    registry: Registry, account: str, key: str
) -> None:
    for location in (
        (ROOT / "dags").as_uri(),
        str(ROOT / "dags"),
        "s3://bucket/x",
        "mlflow-artifacts:/../../x",
    ):
        body = {"name": f"evil {account} {location}", key: location}
        answer = registry.ask(account, "POST", "/api/2.0/mlflow/experiments/create", json=body)
        assert answer.status_code in (400, 403), answer.text
        twice = registry.ask(
            account,
            "POST",
            "/ajax-api/2.0/mlflow/experiments/create",
            content=json.dumps(json.dumps(body)),
        )
        assert twice.status_code in (400, 403), twice.text


def test_steps_write_over_no_file_of_a_model(registry: Registry, model_folder: str) -> None:
    files = "/api/2.0/mlflow-artifacts/artifacts"

    def content(name: str) -> bytes:
        return registry.ask("admin", "GET", f"{files}/{model_folder}/{name}").content

    before = {name: content(name) for name in ("bundle.json", "model.onnx")}
    for path in (*before, "/bundle.json", "%62undle.json", "%2562undle.json"):
        for each in (files, files.replace("/api/", "/ajax-api/")):
            answer = registry.ask(STEPS, "PUT", f"{each}/{model_folder}/{path}", content=b"{}")
            assert answer.status_code in (403, 404), (path, answer.text)
    assert {name: content(name) for name in before} == before
    assert b"{}" not in before.values()
    warm_up = registry.ask("admin", "GET", f"{files}/{model_folder}/warm_up.json").content
    for path in ("warm_up.json", f"a-new-file-{uuid4()}"):
        assert (
            registry.ask(
                STEPS, "PUT", f"{files}/{model_folder}/{path}", content=warm_up
            ).status_code
            == 200
        )


def test_of_two_uploads_of_one_file_at_once_one_is_refused(
    registry: Registry, model_folder: str
) -> None:
    """MLflow lays a file down when its last byte has come, and so an upload could wait until a version serves."""
    path = f"/api/2.0/mlflow-artifacts/artifacts/{model_folder}/new-{uuid4()}"
    begun, other_answered = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"slow "
        begun.set()
        assert other_answered.wait(20)
        yield b"and late"

    with ThreadPoolExecutor(1) as beside:
        slow = beside.submit(registry.ask, STEPS, "PUT", path, content=slowly())
        assert begun.wait(20)
        other = registry.ask(STEPS, "PUT", path, content=b"other")
        other_answered.set()
    answers = {b"slow and late": slow.result().status_code, b"other": other.status_code}
    assert sorted(answers.values()) == [200, 403]
    assert answers[registry.ask("admin", "GET", path).content] == 200


@pytest.mark.skipif(
    version() == 0, reason="this kernel has no Landlock: MLflow's door is the only one"
)
def test_mlflow_writes_no_dag_even_when_its_database_says_so(
    registry: Registry, environments: Environments, secrets: dict[str, str]
) -> None:
    made = registry.ask(
        "admin", "POST", "/api/2.0/mlflow/experiments/create", json={"name": f"evil {uuid4()}"}
    ).json()
    url = environments.postgres.url(secrets["postgres"], "mlflow")
    place = (ROOT / "dags").as_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = %s WHERE experiment_id = %s",
            (place, int(made["experiment_id"])),
        )
    run = registry.ask(
        "admin",
        "POST",
        "/api/2.0/mlflow/runs/create",
        json={"experiment_id": made["experiment_id"]},
    ).json()
    assert run["run"]["info"]["artifact_uri"].startswith(place)
    query = f"run_uuid={run['run']['info']['run_id']}&path=evil.py"
    answer = registry.ask(
        "admin",
        "POST",
        f"/ajax-api/2.0/mlflow/upload-artifact?{query}",
        content=b"raise SystemExit",
    )
    assert answer.status_code >= 400
    assert not list((ROOT / "dags").rglob("evil.py"))
    reading = registry.ask(
        "admin", "GET", f"/get-artifact?run_uuid={run['run']['info']['run_id']}&path=retraining.py"
    )
    assert "DAG" not in reading.text


def test_a_page_of_another_origin_uses_nothing(
    stack: Settings, registry: Registry, secrets: dict[str, str]
) -> None:
    ask, create = registry.ask, "/api/2.0/mlflow/registered-models/create"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:1"):
        simple = {
            "Origin": origin,
            "Content-Type": "text/plain",
        }  # what a form may send without being asked first
        assert (
            ask("admin", "POST", create, content=b'{"name": "x"}', headers=simple).status_code
            == 403
        )
    assert ask("admin", "GET", "/", headers={"Host": "evil.example"}).status_code == 403
    page = {"Origin": "http://127.0.0.1:9999"}
    with contextlib.closing(Airflow(stack)) as airflow:
        for path in ("/api/v2/dags/fraud_drift_detection/dagRuns", "/api/v2/connections/defaults"):
            answer = web.post(
                stack.airflow_url + path,
                headers=page | airflow.headers,
                json={"logical_date": None},
            )
            assert answer.status_code == 403, path
        results = "/api/v2/dags/fraud_promotion/dagRuns/x/taskInstances/needs_review/xcomEntries/return_value"
        answer = web.patch(
            stack.airflow_url + results, headers=airflow.headers, json={"value": "6"}
        )
        assert answer.status_code == 403
        assert "can't be edited" in answer.text
    assert (
        "frame-ancestors 'self'" in web.get(f"{pages(stack)}/").headers["content-security-policy"]
    )
    key = {"X-API-Key": secrets["api_key"]}
    answer = web.get(f"{stack.api_url}/v1/fraud/model", headers=page | key)
    assert "access-control-allow-origin" not in answer.headers
    asked_first = page | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    answer = httpx.options(f"{stack.api_url}/v1/fraud/predict", headers=asked_first)
    assert "access-control-allow-origin" not in answer.headers


class OtherPort(BaseHTTPRequestHandler):
    """A page of another user of this machine, which keeps the headers of whoever opens it."""

    heard: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.heard.append(
            {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>hello</h1>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_no_other_port_of_this_machine_is_sent_airflows_session(
    stack: Settings, secrets: dict[str, str]
) -> None:
    from playwright.sync_api import sync_playwright

    OtherPort.heard.clear()
    other = ThreadingHTTPServer(("127.0.0.1", 0), OtherPort)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{other.server_port}"
    try:
        with sync_playwright() as playwright:
            page = signed_in(playwright, stack)
            assert [cookie["name"] for cookie in page.context.cookies()] == ["_token"]
            for path in ("/", "/api/v2/dags", "/auth/login", "/sixgate/drift/fraud/"):
                page.goto(address + path)
            page.goto("sixgate/drift/fraud/")
            page.evaluate("address => location.assign(address)", f"{address}/from-a-page-of-ours")
            page.wait_for_url("**/from-a-page-of-ours")
            for path in ("/", "/api/v2/dags", "/sixgate/drift/fraud/"):
                page.goto(stack.airflow_url + path)
                assert secrets["airflow_path"] not in page.content()
            page.context.browser.close()
    finally:
        other.shutdown()
        other.server_close()
    assert {"/", "/api/v2/dags", "/from-a-page-of-ours"} <= {
        request["path"] for request in OtherPort.heard
    }
    assert not [request for request in OtherPort.heard if "cookie" in request]
    assert not [request for request in OtherPort.heard if secrets["airflow_path"] in str(request)]


def test_nothing_that_a_stranger_may_ask_names_the_path_of_airflows_pages(
    stack: Settings, secrets: dict[str, str]
) -> None:
    path = secrets["airflow_path"]
    routes = web.get(f"{pages(stack)}/openapi.json").json()["paths"]
    asked = [re.sub(r"{[^}]*}", "x", route) for route in routes]
    asked += [
        "/",
        "/docs",
        "/openapi.json",
        "/execution/docs",
        "/execution/openapi.json",
        "/auth/login",
        "/pluginsv2",
    ]
    assert len(asked) > 80
    for cookie in (
        {},
        {"Cookie": "_token=x"},
    ):  # Airflow answers a session that does not hold with a cookie
        with httpx.Client(base_url=stack.airflow_url, headers=cookie) as client:
            for route in asked:
                for answer in (
                    client.get(route),
                    client.get(route.rstrip("/") + "/"),
                    client.post(route, json={}),
                ):
                    assert path not in answer.text + str(answer.headers), (
                        answer.request.method,
                        route,
                    )
            assert client.get("/").status_code == 404
            answer = client.post(
                "/auth/token", json={"username": "admin", "password": secrets["airflow_admin"]}
            )
            assert answer.is_success == (not cookie)


def test_each_process_is_told_its_own_secrets_and_no_other(
    home: Home, processes: dict[str, list[psutil.Process]], secrets: dict[str, str]
) -> None:
    def among(values: Iterable[str]) -> set[str]:
        text = "\n".join(values)
        return {name for name, value in secrets.items() if value in text}

    launched = {
        name: json.loads((home.run / f"{name}.launch.json").read_text())["environment"]
        for name in processes
    }
    assert {name: among(environment.values()) for name, environment in launched.items()} == TOLD
    for name, group in processes.items():
        for process in group:
            with contextlib.suppress(psutil.NoSuchProcess):
                assert among(process.environ().values()) <= TOLD[name]
                assert not among(process.cmdline())
    supervisor = psutil.Process(int((home.run / "supervisord.pid").read_text()))
    assert not among([*supervisor.environ().values(), *supervisor.cmdline()])


def test_every_file_of_the_home_is_for_its_owner_alone(home: Home) -> None:
    open_ = [
        str(path) for path in (home.path, *home.path.rglob("*"))
        if not path.is_symlink() and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]  # fmt: skip
    # A file in a folder that others may not enter is out of their reach; the top folder is what counts.
    assert str(home.path) not in open_
    assert not [path for path in open_ if Path(path).parent == home.path]


@pytest.mark.usefixtures("model_folder")
def test_no_log_holds_a_secret(home: Home, secrets: dict[str, str]) -> None:
    files = [
        path
        for folder in (home.logs, home.airflow / "logs")
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert len(files) > 20
    for path in files:
        text = path.read_text(errors="replace")
        assert not [
            name for name, value in secrets.items() if value in text and name != "airflow_path"
        ], path  # in URLs


def tables(connection: psycopg.Connection[Any]) -> Iterator[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'prediction_logs_%'"
    for (name,) in connection.execute(query).fetchall():
        yield name


@pytest.mark.parametrize("database", DATABASES)
def test_no_table_holds_a_secret(
    database: str, environments: Environments, secrets: dict[str, str]
) -> None:
    """XCom, rendered templates, connections, runs, tags and parameters are all rows."""
    with psycopg.connect(
        environments.postgres.url(secrets["postgres"], database), autocommit=True
    ) as connection:
        for table in tables(connection):
            query = sql.SQL("SELECT count(*) FROM {} AS row WHERE row::text LIKE ANY(%s)").format(
                sql.Identifier(table)
            )
            row = connection.execute(
                query, ([f"%{value}%" for value in secrets.values()],)
            ).fetchone()
            assert row == (0,), table
