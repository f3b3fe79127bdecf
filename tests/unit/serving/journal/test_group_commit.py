"""Group commit: a caller is released by a sync that began after its write."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipelines.errors import JournalFull
from serving.journal.group_commit import GroupCommit


def test_callers_that_arrive_during_a_sync_share_the_next_one():
    began = threading.Event()
    go_on = threading.Event()
    syncs = []

    def sync():
        syncs.append(len(syncs))
        began.set()
        assert go_on.wait(5)

    async def scenario():
        commit = GroupCommit(sync)
        first = asyncio.create_task(commit.wait())
        while not began.is_set():
            await asyncio.sleep(0.001)
        late = [asyncio.create_task(commit.wait()) for _ in range(5)]
        await asyncio.sleep(0.01)
        for task in (first, *late):
            assert not task.done()
        go_on.set()
        await asyncio.gather(first, *late)

    asyncio.run(scenario())
    assert syncs == [0, 1]


def test_a_failed_sync_is_raised_for_all_waiting_callers_and_the_next_is_tried():
    faults = [JournalFull("the disk failed"), None]

    def sync():
        fault = faults.pop(0)
        if fault:
            raise fault

    async def scenario():
        commit = GroupCommit(sync)
        waits = [commit.wait(), commit.wait()]
        results = await asyncio.gather(*waits, return_exceptions=True)
        messages = [str(result) for result in results]
        assert messages == ["the disk failed", "the disk failed"]
        await commit.wait()

    asyncio.run(scenario())
    assert faults == []


@pytest.mark.parametrize("count", [1, 40])
def test_callers_that_arrive_together_share_one_sync(count):
    syncs = []

    async def scenario():
        commit = GroupCommit(lambda: syncs.append(1))
        waits = [commit.wait() for _ in range(count)]
        await asyncio.gather(*waits)

    asyncio.run(scenario())
    assert syncs == [1]
