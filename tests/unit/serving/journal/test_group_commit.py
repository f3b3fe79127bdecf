"""Group commit: nobody is told before a sync that began after their write has ended."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipelines.errors import JournalFull
from serving.journal.group_commit import GroupCommit


def test_those_who_come_while_a_sync_runs_share_the_next_one():
    begun, go_on, syncs = threading.Event(), threading.Event(), []

    def sync():
        syncs.append(len(syncs))
        begun.set()
        assert go_on.wait(5)

    async def story():
        commit = GroupCommit(sync)
        first = asyncio.create_task(commit.wait())
        while not begun.is_set():
            await asyncio.sleep(0.001)
        late = [asyncio.create_task(commit.wait()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in (first, *late))
        go_on.set()
        await asyncio.gather(first, *late)

    asyncio.run(story())
    assert syncs == [0, 1]


def test_a_sync_that_fails_is_told_to_all_who_waited_and_the_next_is_tried():
    faults = [JournalFull("the disk is gone"), None]

    def sync():
        if fault := faults.pop(0):
            raise fault

    async def story():
        commit = GroupCommit(sync)
        told = await asyncio.gather(commit.wait(), commit.wait(), return_exceptions=True)
        assert [str(error) for error in told] == ["the disk is gone"] * 2
        await commit.wait()

    asyncio.run(story())
    assert faults == []


@pytest.mark.parametrize("count", [1, 40])
def test_each_wait_ends(count):
    syncs = []

    async def story():
        commit = GroupCommit(lambda: syncs.append(1))
        await asyncio.gather(*(commit.wait() for _ in range(count)))

    asyncio.run(story())
    assert syncs == [1]
