"""Airflow's API server accepts changes from its own pages and from programs only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import HTTPException
from request_guard.middleware import FRAMES, RequestGuard, why_refused
from starlette.datastructures import Headers

HOST = "127.0.0.1:8080"
RUNS = "/api/v2/dags/fraud_retraining/dagRuns"
XCOM = "/api/v2/dags/fraud_promotion/dagRuns/r/taskInstances/needs_review/xcomEntries"


@pytest.mark.parametrize(
    ("method", "path", "headers", "refused"),
    [
        pytest.param("POST", RUNS, {}, False, id="a program with a token"),
        pytest.param(
            "POST",
            RUNS,
            {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"},
            False,
            id="its own page",
        ),
        pytest.param(
            "POST",
            RUNS,
            {"origin": "https://airflow.example"},
            False,
            id="its own page behind a proxy",
        ),
        pytest.param(
            "POST",
            RUNS,
            {"origin": "http://127.0.0.1:9999"},
            True,
            id="another port of this machine",
        ),
        pytest.param("POST", RUNS, {"origin": "null"}, True, id="a frame without an origin"),
        pytest.param(
            "POST",
            RUNS,
            {"origin": f"http://{HOST}.evil.example"},
            True,
            id="a name that begins as ours",
        ),
        pytest.param(
            "POST", RUNS, {"sec-fetch-site": "same-site"}, True, id="a form of another port"
        ),
        pytest.param(
            "POST",
            "/api/v2/assets/2/materialize",
            {"sec-fetch-site": "cross-site"},
            True,
            id="without a body",
        ),
        pytest.param(
            "DELETE",
            RUNS + "/x",
            {"origin": "https://evil.example"},
            True,
            id="whatever the method",
        ),
        pytest.param(
            "POST",
            "/sixgate/drift/fraud/alerts/1/x",
            {"origin": "http://localhost:1"},
            True,
            id="our forms",
        ),
        pytest.param(
            "GET",
            RUNS,
            {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
            False,
            id="reading",
        ),
        pytest.param("POST", XCOM, {}, True, id="a result is added"),
        pytest.param("PATCH", XCOM + "/return_value", {}, True, id="a result is changed"),
        pytest.param(
            "DELETE",
            "/prefix" + XCOM + "/return_value",
            {},
            True,
            id="a result is deleted, behind a prefix",
        ),
        pytest.param("GET", XCOM + "/return_value", {}, False, id="a result is read"),
    ],
)
def test_who_may_change_what(
    method: str, path: str, headers: dict[str, str], refused: bool
) -> None:
    sent = Headers({"host": HOST, **headers})
    reason = why_refused(method, path, sent, own="airflow.example")
    assert (reason is not None) == refused


def test_without_a_host_and_a_known_address_no_page_is_ours() -> None:
    assert why_refused("POST", RUNS, Headers({"origin": "http://x"}), own="")
    assert why_refused("POST", RUNS, Headers({"origin": "null"}), own="")


def answer(
    method: str,
    headers: dict[str, str],
    response_headers: dict[str, str] | None = None,
    *,
    path: str = RUNS,
    base_url: str = f"http://{HOST}",
) -> tuple[int, Headers]:
    """Return status and headers of the response from an application behind the guard.

    The application answers 200 with `response_headers`, and with the requested path in `x-path`.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        all_headers = {**(response_headers or {}), "x-path": scope["path"]}
        raw = [(name.encode(), value.encode()) for name, value in all_headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b""}
    asyncio.run(RequestGuard(app, base_url=base_url)(scope, receive, send))
    return sent[0]["status"], Headers(raw=sent[0]["headers"])


def test_a_refusal_is_an_answer_and_no_other_page_frames_this_one() -> None:
    assert answer("POST", {"origin": "http://127.0.0.1:9999"})[0] == 403
    status, headers = answer("POST", {"origin": f"http://{HOST}"})
    assert (status, headers["content-security-policy"]) == (200, FRAMES)
    _, own = answer("GET", {}, {"content-security-policy": "default-src 'none'"})
    assert own["content-security-policy"] == "default-src 'none'"
    assert answer("GET", {})[1]["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "path", "app_path"),
    [
        pytest.param("GET", "/secret", "/secret", id="the path itself"),
        pytest.param("GET", "/secret/", "/secret/", id="its first page"),
        pytest.param("POST", f"/secret{RUNS}", f"/secret{RUNS}", id="what its pages ask"),
        pytest.param("GET", RUNS, f"/secret{RUNS}", id="a program asks the API"),
        pytest.param("DELETE", f"{RUNS}/x", f"/secret{RUNS}/x", id="a program deletes"),
        pytest.param("POST", "/auth/token", "/secret/auth/token", id="a program signs in"),
        pytest.param("POST", "/auth/token/cli", "/secret/auth/token/cli", id="a command signs in"),
        pytest.param(
            "GET", "/auth/token", None, id="the same path is a page, which names the path"
        ),
        pytest.param("GET", "/auth/token/login", None, id="redirects to the path"),
        pytest.param("GET", "/api/v2/auth/login", None, id="redirects to the page that signs in"),
        pytest.param("GET", "/api/v2/auth", None, id="the folder of it"),
        pytest.param("GET", "/", None, id="the first page"),
        pytest.param("GET", "/secrets", None, id="a name that begins as ours"),
        pytest.param("GET", "/x/secret/", None, id="the path elsewhere"),
        pytest.param("GET", "/docs", None, id="the documents"),
        pytest.param("GET", "/execution/docs", None, id="the documents for tasks"),
        pytest.param("POST", "/execution/task-instances/x/run", None, id="what tasks ask"),
        pytest.param("GET", "/sixgate/drift/fraud/", None, id="a page of ours"),
    ],
)
def test_beside_the_path_there_is_only_what_programs_ask(
    method: str, path: str, app_path: str | None
) -> None:
    status, headers = answer(method, {}, path=path, base_url=f"http://{HOST}/secret/")
    assert status == (404 if app_path is None else 200)
    assert headers.get("x-path") == app_path


def test_a_browser_that_asks_for_an_icon_beside_the_path_meets_no_error() -> None:
    assert answer("GET", {}, path="/favicon.ico", base_url=f"http://{HOST}/secret")[0] == 204


def test_beside_the_path_no_header_names_it() -> None:
    base_url = f"http://{HOST}/secret"
    with_path = {
        "location": "/secret/api/v2/dags",
        "set-cookie": "a=b; Path=/secret",
        "x-other": "kept",
    }
    _, headers = answer("GET", {}, with_path, path=RUNS, base_url=base_url)
    assert headers.get("location") is None
    assert headers.get("set-cookie") is None
    assert headers["x-other"] == "kept"
    _, headers = answer("GET", {}, with_path, path=f"/secret{RUNS}", base_url=base_url)
    assert headers["location"] == "/secret/api/v2/dags"


@pytest.mark.parametrize("path", ["/", "/favicon.ico", RUNS, "/auth/token"])
def test_beside_the_path_no_session_is_taken(path: str) -> None:
    """Airflow turns this exception into a response without a cookie, which would name the path."""
    base_url = f"http://{HOST}/secret"
    cookie = {"cookie": "_token=x"}
    with pytest.raises(HTTPException, match="404"):
        answer("POST", cookie, path=path, base_url=base_url)
    status, _ = answer("POST", cookie, path="/secret/", base_url=base_url)
    assert status == 200


def test_without_a_path_every_path_is_airflows() -> None:
    for base_url in ("", f"http://{HOST}", f"http://{HOST}/"):
        _, headers = answer("GET", {"cookie": "_token=x"}, path="/docs", base_url=base_url)
        assert headers["x-path"] == "/docs"
