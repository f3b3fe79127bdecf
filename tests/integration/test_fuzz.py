"""Whatever is sent, in the words of the server's own OpenAPI page or beside them: no 5xx but the documented 503.

The same few cases every time; `SIXGATE_FUZZ=1000` tries that many others for each operation. Then 15,000 requests,
or 100,000 with SIXGATE_THOROUGH=1, that are built from the contracts, good ones and wrong ones, as in `make bench-fuzz`, which
replays any of them by seed and number.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.fuzz.requests.json_text import nested
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.sending import run
from benchmarks.fuzz.server import KEY, serving, tracebacks
from stack.temporary_services import migrate
from tests.integration.server import Server, promote
from tests.thoroughness import THOROUGH
from tests.unit.serving import made

WANTED = os.environ.get("SIXGATE_FUZZ")
EXAMPLES = int(WANTED or 40)
REQUESTS = 100_000 if THOROUGH else 15_000  # `make bench-fuzz` sends a million
SEED = 20_261
QUICK = 0.05  # seconds, for the median of good requests on a busy machine
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
OPERATIONS = [
    ("/v1/fraud/predict", "POST"),
    ("/v1/fraud/predict/batch", "POST"),
    ("/v1/fraud/explain", "POST"),
    ("/v1/fraud/labels", "POST"),
    ("/v1/fraud/model", "GET"),
    ("/v1/fraud/predictions/{prediction_id}", "GET"),
    ("/v1/fraud/predictions/{prediction_id}/explanation", "GET"),
    ("/v1/fraud/predictions/{prediction_id}/explanation", "POST"),
    ("/v1/fraud/jobs", "POST"),
    ("/v1/fraud/jobs/{job_id}", "GET"),
    ("/v1/fraud/jobs/{job_id}/result", "GET"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Server]:
    """A server with a model, for as long as the module."""
    server = Server(tmp_path_factory.mktemp("fuzzed"), database_url)
    with psycopg.connect(database_url, autocommit=True) as database:
        promote(server, database, 1, bias=-2)
    server.start()
    row = made.row()
    server.client.post(
        "/v1/fraud/explain", json=row, timeout=60
    ).raise_for_status()  # starts the explainer
    yield server
    server.end()
    server.client.close()


@pytest.fixture(scope="module")
def page(fuzzed: Server) -> schemathesis.BaseSchema:
    """The page as the server shows it."""
    return schemathesis.openapi.from_url(f"{fuzzed.client.base_url}/openapi.json")


def test_every_operation_of_the_page_is_tried(page: schemathesis.BaseSchema) -> None:
    assert {(path, method.upper()) for path, methods in page.items() for method in methods} == set(
        OPERATIONS
    )


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_nothing_that_is_sent_makes_the_server_fail(
    page: schemathesis.BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    operation = page[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters):
        return  # there is nothing about it that could be wrong

    @settings(
        max_examples=EXAMPLES,
        derandomize=not WANTED,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        response = case.call(headers={"X-API-Key": "k"})
        assert response.status_code < 500 or response.status_code == 503, response.text
        assert "Traceback" not in response.text
        case.validate_response(response, checks=CHECKS)

    holds()


DEPTHS = (500, 990, 1000, 1010, 1200, 5000, 100_000)
ROW = json.dumps(made.row()).removesuffix("}") + ", "


@pytest.mark.parametrize("kind", ["list", "object", "both"])
@pytest.mark.parametrize(
    ("route", "before", "after"),
    [
        pytest.param("predict", "", "", id="a row"),
        pytest.param("predict", f'{ROW}"amount": ', "}", id="a value that is there twice"),
        pytest.param("predict", f'{ROW}"transaction_id": ', "}", id="an id"),
        pytest.param("predict", f'{ROW}"event_time": ', "}", id="a time"),
        pytest.param("predict", f'{ROW}"x": ', "}", id="an unknown field"),
        pytest.param("explain", f'{ROW}"customer_id": ', "}", id="an entity to explain"),
        pytest.param("predict/batch", '{"rows": ', "}", id="the rows"),
        pytest.param("predict/batch", '{"rows": [' + ROW + '"x": ', "}]}", id="a field of a batch"),
        pytest.param("labels", '{"labels": ', "}", id="the labels"),
        pytest.param(
            "labels", '{"labels": [{"transaction_id": "t", "label": ', "}]}", id="a label"
        ),
        pytest.param("labels", '{"labels": [{"label": 1, "transaction_id": ', "}]}", id="its id"),
    ],
)
def test_a_body_that_is_nested_deeply_is_refused(
    fuzzed: Server, route: str, before: str, after: str, kind: str
) -> None:
    for depth in DEPTHS:
        for end in (after, ""):
            body = before + nested(depth, kind).decode() + end
            response = fuzzed.client.post(f"/v1/fraud/{route}", content=body)
            assert response.status_code == 422, (depth, end, response.text)
            assert "rule" in response.json()


def test_a_deep_body_does_not_hinder_the_request_for_an_explanation(fuzzed: Server) -> None:
    prediction = fuzzed.predict()["prediction_id"]
    path = f"/v1/fraud/predictions/{prediction}/explanation"
    for depth in DEPTHS:
        response = fuzzed.client.post(path, content=nested(depth, "both").decode())
        assert response.status_code in (202, 503), response.text


@pytest.mark.usefixtures("unmeasured")
def test_requests_that_are_built_from_the_contracts_are_answered_as_they_should_be(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    migrate(url, tmp_path / "home")
    with (
        serving(tmp_path, url) as (port, contracts),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}) as client,
    ):
        body = Source(contracts[:1], KEY, SEED).good_row(1)

        def score() -> float:
            return float(
                client.post("/v1/fraud/predict", content=body).raise_for_status().json()["score"]
            )

        before = score()
        report = run(port, contracts, range(REQUESTS), seed=SEED)
        assert (report.failed, report.server_errors) == (0, 0), report.described()
        assert report.sent == REQUESTS
        seconds = []
        for _ in range(100):
            begun = time.perf_counter()
            assert score() == before
            seconds.append(time.perf_counter() - begun)
        assert statistics.median(seconds) < QUICK
    assert tracebacks(tmp_path / "server.log") == 0
    assert not (tmp_path / "home" / "journal" / "refused.jsonl").exists(), (
        "everything that was answered could be logged"
    )
