"""The middleware before an app that returns what it received: requests are refused or passed on."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_parameters.middleware import LARGEST_BODY, RunParameters
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.rules.use_case.run_parameters import DAG_PARAMETERS

TRIGGER = "/api/v2/dags/fraud_retraining/dagRuns"
PRODUCERS = {"1": "fraud_retraining", "2": "other"}
MISSPELT = {"requre_review": True}
Client = Callable[..., httpx.AsyncClient]


async def echo(request: Request) -> Response:
    """Answer as Airflow does: 401 without a session, 422 for a body `[]`, else the body."""
    body = await request.body()
    if request.headers.get("authorization") != "known":
        return JSONResponse({"detail": "Not authenticated"}, 401)
    if body.strip() == b"[]":
        return JSONResponse({"detail": [{"msg": "Input should be a valid dictionary"}]}, 422)
    return Response(body, headers={"x-length": request.headers.get("content-length", "")})


def client(root_path: str = "", user: str = "known") -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "PATCH"])])
    app.add_middleware(RunParameters, use_cases=lambda: ["fraud"], producer_of=PRODUCERS.get)
    transport = httpx.ASGITransport(app, root_path=root_path)
    headers = {"authorization": user}
    return httpx.AsyncClient(transport=transport, base_url="http://airflow", headers=headers)


async def post(path: str, content: bytes | AsyncIterator[bytes], **rest: Any) -> httpx.Response:
    async with client(**rest) as opened:
        return await opened.post(path, content=content)


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param(TRIGGER, body(conf=MISSPELT), id="a manual run"),
        pytest.param(
            "/api/v2/backfills",
            body(dag_id="fraud_retraining", dag_run_conf=MISSPELT),
            id="a backfill",
        ),
        pytest.param(
            "/api/v2/backfills/dry_run",
            body(dag_id="fraud_retraining", dag_run_conf=MISSPELT),
            id="a backfill's dry run",
        ),
        pytest.param(
            "/api/v2/assets/1/materialize", body(conf=MISSPELT), id="an asset's materialization"
        ),
        pytest.param(
            "/execution/dag-runs/fraud_retraining/r", body(conf=MISSPELT), id="another DAG's task"
        ),
        pytest.param(TRIGGER, json.dumps({"conf": MISSPELT}).encode("utf-16"), id="in UTF-16"),
    ],
)
@pytest.mark.anyio
async def test_an_unknown_parameter_is_refused_wherever_a_run_can_be_started(
    path: str, content: bytes
) -> None:
    answer = await post(path, content)
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": "unknown parameter 'requre_review': did you mean 'require_review'? "
        "Permitted: force, reason, reference, require_review, snapshot"
    }


@pytest.mark.parametrize("root_path", ["", "/ml/airflow"])
@pytest.mark.parametrize("stripped", [True, False], ids=["by a proxy that strips", "whole"])
@pytest.mark.anyio
async def test_it_works_behind_a_base_url(root_path: str, stripped: bool) -> None:
    path = TRIGGER if stripped else root_path + TRIGGER
    answer = await post(path, body(conf=MISSPELT), root_path=root_path)
    assert answer.status_code == 422


@pytest.mark.anyio
async def test_airflow_answers_first_who_may_not_start_a_run() -> None:
    answer = await post(TRIGGER, body(conf=MISSPELT), user="stranger")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param(TRIGGER, body(conf={"force": True}), id="a known parameter"),
        pytest.param(TRIGGER, b' {"conf":\n{} } ', id="white space"),
        pytest.param(TRIGGER, body(conf=None), id="no parameters"),
        pytest.param(TRIGGER, b"{", id="what is not JSON"),
        pytest.param(TRIGGER, b"", id="an empty body"),
        pytest.param(TRIGGER, body(conf="text"), id="a conf that Airflow refuses"),
        pytest.param("/api/v2/dags/other/dagRuns", body(conf=MISSPELT), id="another DAG"),
        pytest.param(
            "/api/v2/dags/other/dagRuns", b"x" * (LARGEST_BODY + 1), id="much for another DAG"
        ),
        pytest.param(
            "/api/v2/backfills", body(dag_id="other", dag_run_conf=MISSPELT), id="its backfill"
        ),
        pytest.param("/api/v2/assets/2/materialize", body(conf=MISSPELT), id="its asset"),
        pytest.param("/api/v2/assets/3/materialize", body(conf=MISSPELT), id="nobody's asset"),
        pytest.param("/api/v2/dags/~/dagRuns/list", body(conf=MISSPELT), id="another endpoint"),
    ],
)
@pytest.mark.anyio
async def test_what_is_not_refused_is_passed_on_unchanged(path: str, content: bytes) -> None:
    answer = await post(path, content)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["x-length"] == str(len(content))


@pytest.mark.anyio
async def test_other_methods_are_passed_on() -> None:
    async with client() as opened:
        assert (await opened.patch(TRIGGER, content=body(conf=MISSPELT))).status_code == 200
        assert (await opened.get(TRIGGER)).status_code == 200


@pytest.mark.anyio
async def test_a_body_that_comes_in_pieces_is_read_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in body(conf=MISSPELT):
            yield bytes([byte])

    assert (await post(TRIGGER, pieces())).status_code == 422


@pytest.mark.parametrize("path", [TRIGGER, "/api/v2/backfills"])
@pytest.mark.anyio
async def test_a_body_that_is_too_large_is_refused(path: str) -> None:
    answer = await post(path, b" " * LARGEST_BODY + body(conf={}))
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "the request is larger than 1,048,576 bytes",
    )


@pytest.mark.anyio
async def test_a_body_that_is_nested_too_deeply_is_refused() -> None:
    answer = await post(TRIGGER, b'{"conf":' * 100_000)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the request is nested too deeply",
    )


@given(
    st.sampled_from(sorted(DAG_PARAMETERS)),
    st.dictionaries(st.text(), st.none() | st.booleans() | st.text(), min_size=1),
)
def test_no_unknown_name_reaches_airflow(kind: str, conf: dict[str, Any]) -> None:
    import anyio

    dag_id = kind if kind == "housekeeping" else f"fraud_{kind}"
    answer = anyio.run(post, f"/api/v2/dags/{dag_id}/dagRuns", body(conf=conf))
    if set(conf) - set(DAG_PARAMETERS[kind]):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("unknown parameter")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
