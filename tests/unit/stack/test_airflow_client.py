"""The client of Airflow's REST API, on a server that speaks the part of it that the client uses.

tests/e2e uses the client with a real Airflow.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipelines.errors import StackError
from pipelines.settings import Settings
from stack import airflow_client
from stack.airflow_client import Airflow

RUNS = "/api/v2/dags/fraud_retraining/dagRuns"


@dataclass
class FakeAirflow:
    """Replies by method and path; a list of replies is used up one by one, except the last."""

    replies: dict[tuple[str, str], Any] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, Any], Any]] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)

    def reply(self, method: str, path: str) -> tuple[int, Any]:
        reply = self.replies.get((method, path), (404, {"detail": "not found"}))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        return reply


class Handler(BaseHTTPRequestHandler):
    """Answers as the fake Airflow of its server replies."""

    server: Any

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else None
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        airflow: FakeAirflow = self.server.airflow
        airflow.requests.append((self.command, url.path, query, body))
        airflow.authorizations.add(self.headers.get("Authorization"))
        status, content = airflow.reply(self.command, url.path)
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def airflow() -> FakeAirflow:
    return FakeAirflow({("POST", "/auth/token"): (201, {"access_token": "t0ken"})})


@pytest.fixture
def settings(airflow: FakeAirflow, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a home with a password, whose Airflow is the fake."""
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/passwords.json").write_text(json.dumps({"admin": "p", "viewer": "v"}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.airflow = airflow  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Settings(home=tmp_path, airflow_port=server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(settings: Settings) -> Iterator[Airflow]:
    client = Airflow(settings)
    yield client
    client.close()


def test_a_client_signs_in_with_the_password_of_the_home(
    airflow: FakeAirflow, settings: Settings
) -> None:
    client = Airflow(settings, "viewer")
    assert airflow.requests[0][3] == {"username": "viewer", "password": "v"}
    assert client.headers == {"Authorization": "Bearer t0ken"}
    airflow.replies["GET", RUNS] = (200, {"dag_runs": []})
    client.runs("fraud_retraining")
    assert "Bearer t0ken" in airflow.authorizations
    client.close()


def test_a_password_that_is_refused_is_an_error(airflow: FakeAirflow, settings: Settings) -> None:
    airflow.replies["POST", "/auth/token"] = (401, {})
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        Airflow(settings)


def test_lists_are_read_page_by_page_to_their_end(
    airflow: FakeAirflow, client: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_client, "PAGE", 2)
    pages = [[{"dag_id": "a"}, {"dag_id": "b"}], [{"dag_id": "c"}]]
    replies = [(200, {"dags": page, "total_entries": 3}) for page in pages]
    airflow.replies["GET", "/api/v2/dags"] = replies
    assert [dag["dag_id"] for dag in client.dags()] == ["a", "b", "c"]
    offsets = [query["offset"] for _, path, query, _ in airflow.requests if path == "/api/v2/dags"]
    assert offsets == ["0", "2"]


def test_a_list_that_shrinks_while_it_is_read_ends(airflow: FakeAirflow, client: Airflow) -> None:
    replies = [
        (200, {"import_errors": [{"filename": "a"}], "total_entries": 3}),
        (200, {"import_errors": [], "total_entries": 3}),
    ]
    airflow.replies["GET", "/api/v2/importErrors"] = replies
    assert client.import_errors() == [{"filename": "a"}]


def test_a_run_is_triggered_with_its_parameters(airflow: FakeAirflow, client: Airflow) -> None:
    airflow.replies["POST", RUNS] = (200, {"dag_run_id": "manual__1"})
    assert client.trigger("fraud_retraining", {"force": True}) == "manual__1"
    assert airflow.requests[-1][3] == {"logical_date": None, "conf": {"force": True}}


def test_a_run_that_airflow_refuses_is_named_with_its_reason(
    airflow: FakeAirflow, client: Airflow
) -> None:
    airflow.replies["POST", RUNS] = (422, {"detail": "force must be a boolean"})
    with pytest.raises(StackError, match=r"fraud_retraining could not be triggered.*a boolean"):
        client.trigger("fraud_retraining", {"force": 1})


def test_the_last_run_is_the_newest_or_none(airflow: FakeAirflow, client: Airflow) -> None:
    airflow.replies["GET", RUNS] = [(200, {"dag_runs": [{"state": "failed"}]})]
    assert client.last_run("fraud_retraining") == {"state": "failed"}
    assert airflow.requests[-1][2] == {"order_by": "-run_after", "limit": "1"}
    airflow.replies["GET", RUNS] = (200, {"dag_runs": []})
    assert client.last_run("fraud_retraining") is None


def tasks(**states: str) -> tuple[int, dict[str, Any]]:
    instances = []
    for name, state in states.items():
        task, _, index = name.partition("__")
        instances.append({"task_id": task, "map_index": int(index or -1), "state": state})
    return 200, {"task_instances": instances}


def test_a_run_is_waited_for_and_its_tasks_are_returned(
    airflow: FakeAirflow, client: Airflow
) -> None:
    running, success = (200, {"state": "running"}), (200, {"state": "success"})
    airflow.replies["GET", f"{RUNS}/r"] = [running, success]
    airflow.replies["GET", f"{RUNS}/r/taskInstances"] = tasks(plan="success", explain__3="success")
    assert client.finish("fraud_retraining", "r") == {"plan": "success", "explain[3]": "success"}


def test_a_run_that_fails_names_the_tasks_that_failed(
    airflow: FakeAirflow, client: Airflow
) -> None:
    airflow.replies["GET", f"{RUNS}/r"] = (200, {"state": "failed"})
    airflow.replies["GET", f"{RUNS}/r/taskInstances"] = tasks(
        train="failed", validate="success", approve="upstream_failed"
    )
    with pytest.raises(StackError, match="fraud_retraining r failed in train: see its log"):
        client.finish("fraud_retraining", "r")


@pytest.mark.parametrize(
    ("wait", "message"),
    [
        pytest.param(
            lambda client: client.wait_for_dag("fraud_x", seconds=0),
            "fraud_x is not registered in Airflow within 0 s",
            id="a DAG that does not exist",
        ),
        pytest.param(
            lambda client: client.finish("fraud_retraining", "r", seconds=0),
            "fraud_retraining r did not finish within 0 s",
            id="a run that does not end",
        ),
        pytest.param(
            lambda client: client.next_run(
                "fraud_retraining", run_type="asset_triggered", earlier={"old"}, seconds=0
            ),
            "no asset_triggered run of fraud_retraining was started within 0 s",
            id="a run that does not begin",
        ),
    ],
)
def test_waiting_ends_with_what_did_not_happen(
    airflow: FakeAirflow, client: Airflow, wait: Any, message: str
) -> None:
    airflow.replies["GET", f"{RUNS}/r"] = (200, {"state": "running"})
    runs = [
        {"dag_run_id": "old", "run_type": "asset_triggered"},
        {"dag_run_id": "new", "run_type": "manual"},
    ]
    airflow.replies["GET", RUNS] = (200, {"dag_runs": runs})
    with pytest.raises(StackError, match=message):
        wait(client)


def test_the_next_run_is_a_new_one_of_its_type(airflow: FakeAirflow, client: Airflow) -> None:
    runs = [
        {"dag_run_id": "new", "run_type": "asset_triggered"},
        {"dag_run_id": "old", "run_type": "asset_triggered"},
    ]
    airflow.replies["GET", RUNS] = [(200, {"dag_runs": runs[1:]}), (200, {"dag_runs": runs})]
    run = client.next_run("fraud_retraining", run_type="asset_triggered", earlier={"old"})
    assert run == "new"


def test_a_log_is_text_whether_its_entries_are_objects_or_not(
    airflow: FakeAirflow, client: Airflow
) -> None:
    path = f"{RUNS}/r/taskInstances/train/logs/2"
    airflow.replies["GET", path] = (200, {"content": [{"event": "one"}, "two"]})
    assert client.log("fraud_retraining", "r", "train", 2) == "one\ntwo"


def test_an_answer_to_a_review_is_sent_and_a_refusal_named(
    airflow: FakeAirflow, client: Airflow
) -> None:
    path = f"{RUNS}/r/taskInstances/review/-1/hitlDetails"
    airflow.replies["PATCH", path] = [(200, {}), (409, {"detail": "already answered"})]
    client.answer("fraud_retraining", "r", "review", "Approve", "fine")
    assert airflow.requests[-1][3] == {
        "chosen_options": ["Approve"],
        "params_input": {"comment": "fine"},
    }
    with pytest.raises(StackError, match=r"did not accept the answer: .*already answered"):
        client.answer("fraud_retraining", "r", "review", "Approve")


def test_requests_to_people_that_have_no_answer_are_those_of_all_dags(
    airflow: FakeAirflow, client: Airflow
) -> None:
    path = "/api/v2/dags/~/dagRuns/~/hitlDetails"
    airflow.replies["GET", path] = (200, {"hitl_details": [{"subject": "x"}], "total_entries": 1})
    assert client.unanswered() == [{"subject": "x"}]
    assert airflow.requests[-1][2]["response_received"] == "false"
