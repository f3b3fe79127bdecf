"""What a service is made of: its use cases, their faults, and the limit of a body."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import pytest

from serving.service import BODY_LIMIT, read_body
from serving.wire.problems import Problem
from tests.unit.serving import made
from tests.unit.serving.made import PREDICT


def test_a_streamed_body_that_grows_too_large_is_refused(client):
    async def parts():
        for _ in range(3):
            yield b" " * 2**20

    answer = client.post(PREDICT, content=parts())
    assert answer.status_code == 413


@pytest.mark.parametrize("file", ["contract.yaml", "policy.yaml"])
def test_a_server_that_starts_with_an_invalid_file_serves_by_the_last_valid_one_and_says_so(
    tmp_path, file
):
    folder = made.copy_fraud(tmp_path)
    made.service_of(tmp_path).journal.close()
    (folder / file).write_text("a: [")
    service = made.service_of(tmp_path)
    made.serve(service)
    client = made.Client(service)
    answer = client.predict(made.row())
    assert answer.status_code == 200
    ready = client.get("/readyz", key=None)
    assert ready.status_code == 200
    assert ready.json()["without_model"] == []
    fault = ready.json()["faults"]["fraud"]
    assert f"{file} is not YAML" in fault
    assert "last valid" in fault
    metrics = client.get("/metrics", key=None).text
    assert 'sixgate_use_case_invalid{use_case="fraud"} 1.0' in metrics
    service.journal.close()


def test_a_server_without_any_copy_of_an_invalid_policy_still_serves(tmp_path):
    folder = made.copy_fraud(tmp_path)
    (folder / "policy.yaml").unlink()
    service = made.service_of(tmp_path)
    assert [scorer.use_case for scorer in service.scorers] == ["fraud"]
    assert "policy.yaml is missing" in str(service.faults["fraud"])
    service.journal.close()


def received(*chunks: bytes):
    """An ASGI `receive` that gives a body in chunks."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]

    async def receive():
        return messages.pop(0)

    return receive


@pytest.mark.parametrize(
    ("declared", "chunks"),
    [
        pytest.param(None, (b"",), id="an empty body"),
        pytest.param(b"3", (b"abc",), id="one chunk of a declared length"),
        pytest.param(None, (b"a", b"", b"bc"), id="several chunks"),
        pytest.param(None, (b"x" * (BODY_LIMIT - 1), b"y"), id="as large as the limit"),
    ],
)
def test_a_body_within_the_limit_is_read_whole(declared, chunks):
    assert asyncio.run(read_body(declared, received(*chunks))) == b"".join(chunks)


@pytest.mark.parametrize(
    ("declared", "chunks"),
    [
        pytest.param(str(BODY_LIMIT + 1).encode(), (), id="declared too large, nothing is read"),
        pytest.param(None, (b"x" * BODY_LIMIT, b"y", b"z"), id="too large with the second chunk"),
    ],
)
def test_a_body_beyond_the_limit_is_refused_as_soon_as_that_is_known(declared, chunks):
    receive = received(*chunks)
    with pytest.raises(Problem, match=f"larger than {BODY_LIMIT} bytes: send it in parts") as error:
        asyncio.run(read_body(declared, receive))
    assert error.value.status == 413


def test_two_replicas_of_one_home_and_port_differ_by_their_process(service):
    assert service.replica.endswith(f"-{service.settings.api_port}-{os.getpid()}")


def test_an_unknown_use_case_of_the_settings_is_a_fault_and_the_others_are_served(tmp_path):
    made.copy_fraud(tmp_path)
    service = made.service_of(tmp_path, use_cases="fraud,loans")
    assert [scorer.use_case for scorer in service.scorers] == ["fraud"]
    assert "loans" in str(service.faults["loans"])
    assert made.Client(service).get("/readyz").json()["without_model"] == ["fraud", "loans"]
    service.journal.close()


def test_a_valid_contract_and_policy_are_kept_for_a_later_start(tmp_path):
    folder = made.copy_fraud(tmp_path)
    service = made.service_of(tmp_path)
    kept = service.settings.last_valid / "fraud"
    for name in ("contract.yaml", "policy.yaml"):
        assert (kept / name).read_text() == (folder / name).read_text()
    service.journal.close()


def test_a_caller_is_named_and_its_scope_is_required(service):
    admin = SimpleNamespace(scope={"api_key": b"secret"})
    assert service.require(admin, "label") == "admin"
    assert admin.scope["caller"] == "admin"
    stranger = SimpleNamespace(scope={"api_key": b"other"})
    with pytest.raises(Problem, match="not known"):
        service.require(stranger, "read")
    assert "caller" not in stranger.scope
