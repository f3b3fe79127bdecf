"""Single rows are explained by a helper process, which is replaced when it dies or hangs."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from contextlib import asynccontextmanager

import msgspec
import psutil
import pytest

from pipelines.explainer import protocol
from pipelines.rules.model.bundle import Bundle, explainer_file
from serving.model import explainer_client
from serving.model.explainer_client import WAITING, ExplainerProcess
from serving.model.registry import FolderRegistry
from serving.model.served_model import load
from serving.wire.problems import Problem
from tests.unit.serving import made

ROW = [float(number) for number in range(1, len(made.FRAUD.columns) + 1)]


def model(tmp_path, version=1, *, bias=0.0, explainer=True):
    """Add a version to the registry in `tmp_path` and load it."""
    files = made.files(bias=bias)
    stored = files | made.explainer(bias=bias) if explainer else files
    made.put(tmp_path, "fraud", version, stored)
    return load(files, made.served(files, version), made.FRAUD)


@asynccontextmanager
async def explainer(tmp_path):
    """An explainer whose process has ended afterwards."""
    process = ExplainerProcess(FolderRegistry(tmp_path))
    try:
        yield process
    finally:
        await process.stop()


def process_of(explainer):
    assert explainer._process
    return psutil.Process(explainer._process.pid)


def test_contributions_add_up_and_one_process_explains_row_after_row(tmp_path, monkeypatch):
    monkeypatch.setenv("SIXGATE_API_KEY", "secret")
    one = model(tmp_path)
    two = model(tmp_path, 2, bias=-1.0)

    async def scenario():
        async with explainer(tmp_path) as client:
            first = await client.explain("fraud", one, ROW)
            helper = process_of(client)
            assert not [name for name in helper.environ() if name.startswith("SIXGATE_")]
            second = await client.explain("fraud", two, ROW)
            assert process_of(client) == helper
        assert not helper.is_running()
        return first, second

    first, second = asyncio.run(scenario())
    for explained, bias in ((first, 0.0), (second, -1.0)):
        log_odds = explained.base_value + math.fsum(explained.contributions)
        assert log_odds == pytest.approx(0.001 * ROW[0] + bias, abs=1e-6)
        assert len(explained.contributions) == len(ROW)


def test_a_process_that_was_killed_is_replaced_and_one_that_hangs_too(tmp_path, monkeypatch):
    served = model(tmp_path)

    async def scenario():
        async with explainer(tmp_path) as client:
            await client.explain("fraud", served, ROW)
            first = process_of(client)
            os.kill(first.pid, signal.SIGKILL)
            await client._process.wait()
            await client.explain("fraud", served, ROW)
            second = process_of(client)
            assert second != first
            second.suspend()
            monkeypatch.setattr(explainer_client, "ANSWER", 0.2)
            with pytest.raises(Problem, match="did not reply and is started again") as hung:
                await client.explain("fraud", served, ROW)
            assert hung.value.status == 503
            assert not second.is_running()
            monkeypatch.setattr(explainer_client, "ANSWER", 5.0)
            await client.explain("fraud", served, ROW)

    asyncio.run(scenario())


def test_a_version_without_an_explainer_file_is_named(tmp_path):
    served = model(tmp_path, 7, explainer=False)

    async def scenario():
        async with explainer(tmp_path) as client:
            with pytest.raises(Problem, match="of version 7 can't be fetched") as refused:
                await client.explain("fraud", served, ROW)
            assert refused.value.status == 503

    asyncio.run(scenario())


def test_a_row_of_another_length_is_refused_and_the_process_goes_on(tmp_path):
    served = model(tmp_path)

    async def scenario():
        async with explainer(tmp_path) as client:
            with pytest.raises(Problem, match="version 1 can't explain this row"):
                await client.explain("fraud", served, ROW[:3])
            helper = process_of(client)
            explained = await client.explain("fraud", served, ROW)
            assert process_of(client) == helper
            assert isinstance(explained, protocol.RowExplained)

    asyncio.run(scenario())


def test_a_request_too_many_is_told_to_retry_and_those_that_wait_are_answered(tmp_path):
    served = model(tmp_path)

    async def scenario():
        async with explainer(tmp_path) as client:
            waiting = [
                asyncio.create_task(client.explain("fraud", served, ROW)) for _ in range(WAITING)
            ]
            await asyncio.sleep(0)
            with pytest.raises(Problem, match=f"{WAITING} rows are waiting") as refused:
                await client.explain("fraud", served, ROW)
            assert refused.value.headers == {"Retry-After": "1"}
            answers = await asyncio.gather(*waiting)
            assert len(answers) == WAITING
            await client.explain("fraud", served, ROW)

    asyncio.run(scenario())


def test_a_cancelled_request_leaves_no_reply_for_the_next_one(tmp_path):
    served = model(tmp_path)

    async def scenario():
        async with explainer(tmp_path) as client:
            await client.explain("fraud", served, ROW)
            first = process_of(client)
            first.suspend()
            cancelled = asyncio.create_task(client.explain("fraud", served, ROW))
            await asyncio.sleep(0.05)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert not first.is_running()
            other = [2 * value for value in ROW]
            explained = await client.explain("fraud", served, other)
            log_odds = explained.base_value + math.fsum(explained.contributions)
            assert log_odds == pytest.approx(0.001 * other[0], abs=1e-6)

    asyncio.run(scenario())


def test_an_estimator_that_is_not_installed_is_named_with_501(tmp_path):
    files = made.files()
    bundle = msgspec.json.decode(files["bundle.json"], type=Bundle)
    (content,) = made.explainer().values()
    files["bundle.json"] = msgspec.json.encode(msgspec.structs.replace(bundle, kind="catboost"))
    made.put(tmp_path, "fraud", 1, files | {explainer_file("catboost"): content})
    served = load(files, made.served(files), made.FRAUD)

    async def scenario():
        async with explainer(tmp_path) as client:
            with pytest.raises(Problem, match="'catboost' is not installed") as refused:
                await client.explain("fraud", served, ROW)
            assert refused.value.status == 501

    asyncio.run(scenario())
