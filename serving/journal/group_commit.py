"""Group commit: one fsync for all callers that wait for it."""

import asyncio
from collections.abc import Callable


class GroupCommit:
    """Runs one sync at a time for all waiting callers.

    A caller is released by a sync that began after it started to wait. Callers that arrive while
    a sync runs share the next one.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._waiting: list[asyncio.Future[None]] = []
        self._worker: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once all data written before this call is on disk; raises what the sync raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                waiting = self._waiting
                self._waiting = []
                try:
                    await loop.run_in_executor(None, self._sync)
                except Exception as error:
                    for done in waiting:
                        done.set_exception(error)
                else:
                    for done in waiting:
                        done.set_result(None)
        finally:
            self._worker = None
