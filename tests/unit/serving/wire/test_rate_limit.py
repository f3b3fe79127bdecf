"""Rate limits: rows per API key and window, shared by the workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UseCaseError
from serving.wire.problems import Problem
from serving.wire.rate_limit import SHARE, RateLimit
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


def test_a_key_that_exceeds_its_limit_is_told_when_to_retry(make_service):
    service = make_service(rate_limit="5/hour")
    client = made.Client(service)
    row = made.row()
    for _ in range(5):
        answer = client.predict(row)
        assert answer.status_code == 200
    refused = client.predict(row)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    batch = {"rows": [row, row]}
    refused_batch = client.post(f"{PREDICT}/batch", json=batch)
    assert refused_batch.status_code == 429
    model = client.get("/v1/fraud/model")
    assert model.status_code == 200


def test_a_lease_never_lets_more_through_than_the_limit():
    rate_limit = RateLimit("1000/hour")
    accepted = 0
    for _ in range(1500):
        try:
            rate_limit.take("shop")
        except Problem:
            continue
        accepted += 1
    assert accepted == 1000


def test_workers_share_a_limit():
    rate_limit = RateLimit("1000/second", workers=4)
    assert str(rate_limit._item) == "250 per 1 second"


def test_an_invalid_limit_is_refused():
    message = "SIXGATE_RATE_LIMIT: 'much' is not a valid limit"
    with pytest.raises(UseCaseError, match=message):
        RateLimit("much")


def accepted(limit: RateLimit, caller: str, *rows: int) -> list[bool]:
    """Which of the requests with these numbers of rows are let through."""
    outcomes = []
    for count in rows:
        try:
            limit.take(caller, count)
        except Problem:
            outcomes.append(False)
        else:
            outcomes.append(True)
    return outcomes


@given(total=st.integers(1, 2000), rows=st.lists(st.integers(1, 300), max_size=60))
def test_no_sequence_of_requests_exceeds_the_limit_and_what_fits_is_let_through(total, rows):
    limit = RateLimit(f"{total}/hour")
    lease = max(1, total // SHARE)
    outcomes = accepted(limit, "shop", *rows)
    passed = 0
    for count, allowed in zip(rows, outcomes, strict=True):
        assert allowed or passed + count + lease > total
        passed += count * allowed
    assert passed <= total


def test_a_refused_batch_leaves_the_rest_of_the_limit_for_smaller_ones():
    limit = RateLimit("10/hour")
    assert accepted(limit, "shop", 6, 6, 4, 1) == [True, False, True, False]


def test_the_last_rows_of_a_limit_can_be_used_one_by_one():
    limit = RateLimit("1000/hour")
    assert accepted(limit, "shop", 995, *[1] * 6) == [*[True] * 6, False]


def test_callers_have_a_limit_each():
    limit = RateLimit("2/hour")
    assert accepted(limit, "shop", 1, 1, 1) == [True, True, False]
    assert accepted(limit, "desk", 1) == [True]


def test_a_request_with_more_rows_than_the_limit_never_passes_and_costs_nothing():
    limit = RateLimit("10/hour")
    assert accepted(limit, "shop", 11, 10) == [False, True]


def test_every_refusal_is_reported_with_its_caller():
    refused: list[str] = []
    limit = RateLimit("1/hour", refused=refused.append)
    accepted(limit, "shop", 1, 1, 1)
    assert refused == ["shop", "shop"]


def test_a_refusal_names_the_key_the_limit_and_the_time_to_wait():
    limit = RateLimit("1/minute")
    limit.take("shop")
    with pytest.raises(Problem) as refused:
        limit.take("shop")
    problem = refused.value
    assert problem.status == 429
    assert "the key 'shop' exceeds its limit of 1 per 1 minute: retry in" in str(problem)
    assert 1 <= int(problem.headers["Retry-After"]) <= 60


def test_more_workers_than_the_limit_still_let_one_row_through_each():
    limit = RateLimit("2/hour", workers=8)
    assert accepted(limit, "shop", 1, 1) == [True, False]
