"""Request ids, and what the outermost application answers by itself."""

from __future__ import annotations

import pytest

from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PREDICT), ("GET", "/healthz"), ("GET", "/nowhere")]
)
def test_a_request_id_comes_back_and_one_is_generated_otherwise(client, method, path):
    row = made.row()
    headers = {"X-Request-ID": "shop-7/42"}
    answer = client.request(method, path, json=row, headers=headers)
    assert answer.headers["x-request-id"] == "shop-7/42"
    for _ in range(3):
        answer = client.request(method, path, json=row)
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("invalid", ["x" * 129, "a b", "ä"])
@pytest.mark.parametrize(
    ("row", "status"),
    [pytest.param(made.row(), 200, id="accepted"), pytest.param({}, 422, id="refused")],
)
def test_an_id_that_could_corrupt_a_log_is_replaced(client, invalid, row, status):
    headers = {"X-Request-ID": invalid.encode()}
    answer = client.predict(row, headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] not in ("", invalid)
