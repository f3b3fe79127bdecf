"""The processes of the server: one worker, or several with a supervisor that replaces dead ones.

Workers are spawned and import their code by name, so nothing here may move to `__main__`.
"""

import gc
import logging
import sys
import time
from functools import partial
from pathlib import Path
from socket import socket

import numexpr
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from pipelines.errors import SixgateError, StackError
from pipelines.settings import Settings
from serving.app import create_app
from serving.metrics.worker_metrics import follow_parent, shared_folder
from serving.wire import json_logs
from serving.wire.bounded_http import BoundedHttp
from serving.wire.websocket import ListenOnlyWebSocket

# Seconds for requests under way. The shipper has 10 more, and the supervisor waits for 20.
GRACE = 5
SLOWEST_START = 60.0  # seconds for a worker's imports, while other workers import too
SLOWEST_ANSWER = 10.0  # seconds without an answer until a worker counts as hung
TRIES = 5  # workers that may die in a row before they are ready

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish requests under way and ship the journal."""
    if settings.api_workers == 1:
        config = configuration(settings, partial(application, settings))
        uvicorn.Server(config).run()
        return
    with shared_folder(settings) as folder:
        config = configuration(settings, partial(worker_application, settings, folder))
        supervisor = WorkerSupervisor(config, [config.bind_socket()])
        supervisor.run()
    if supervisor.gave_up:
        raise StackError("the workers can't start, so the server stops: see the errors above")


def configuration(settings: Settings, factory: partial[ASGIApp]) -> uvicorn.Config:
    """Return uvicorn's configuration; the factory creates the application in a worker's process."""
    return uvicorn.Config(
        factory,
        factory=True,
        host=settings.host,
        port=settings.api_port,
        workers=settings.api_workers,
        loop="uvloop",
        http=BoundedHttp,
        ws=ListenOnlyWebSocket,
        ws_max_size=4096,  # messages of clients are ignored
        log_level="warning",
        log_config=None,
        access_log=False,  # `serving.metrics.access_log` writes JSON
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def application(settings: Settings, shared: Path | None = None) -> ASGIApp:
    """Create the application of one worker, in the worker's process."""
    app = create_app(settings, shared=shared)
    _tune()
    return app


def worker_application(settings: Settings, shared: Path) -> ASGIApp:
    """Create the application of one worker among several.

    A fault ends the supervisor too, because every worker would have the same fault.
    """
    json_logs.install()
    follow_parent()
    try:
        return application(settings, shared)
    except Exception as error:
        unexpected = not isinstance(error, SixgateError)
        log.error("a worker can't start: %s", error, exc_info=unexpected)
        sys.exit(STARTUP_FAILURE)


class WorkerSupervisor(Multiprocess):
    """Replaces workers that die or hang.

    It gives up when a worker reports a fault, or when `TRIES` workers in a row die before they are
    ready. Unlike uvicorn's own supervisor, it never waits for a worker that hangs, so it can
    replace other workers at the same time.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.gave_up = False
        # When each worker was sent a ping that it has not answered yet.
        self._pinged_at: dict[Process, float] = {}
        self._ready: set[Process] = set()
        self._failed = 0

    def keep_subprocess_alive(self) -> None:
        """Check every worker once; uvicorn calls this twice a second."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if not self._is_healthy(process):
                self._replace(place, process)

    def _is_healthy(self, process: Process) -> bool:
        """Whether a worker runs and answers pings in time; a new worker has more time."""
        if not process.process.is_alive():
            return False
        now = time.monotonic()
        pinged_at = self._pinged_at.setdefault(process, now)
        if pinged_at == now:
            process.parent_conn.send(b"ping")
            return True
        if process.parent_conn.poll():
            self._note_answer(process, started=process.parent_conn.recv())
            return True
        limit = SLOWEST_ANSWER if process in self._ready else SLOWEST_START
        return now - pinged_at < limit

    def _note_answer(self, process: Process, *, started: bool) -> None:
        self._pinged_at.pop(process)
        if started and process not in self._ready:
            self._ready.add(process)
            self._failed = 0

    def _replace(self, place: int, process: Process) -> None:
        process.kill()  # a process that hangs may not handle SIGTERM
        process.join()
        self._pinged_at.pop(process, None)
        self._failed += process not in self._ready
        self._ready.discard(process)
        if process.exitcode == STARTUP_FAILURE or self._failed >= TRIES:
            log.error(
                "worker %s ended with exit code %s before it was ready",
                process.pid,
                process.exitcode,
            )
            self.gave_up = True
            self.should_exit.set()
            return
        log.warning(
            "worker %s ended with exit code %s: a new worker starts",
            process.pid,
            process.exitcode,
        )
        replacement = Process(self.config, self.sockets)
        self.processes[place] = replacement
        replacement.start()


def _tune() -> None:
    """Tune garbage collection, thread switching and numexpr.

    Objects created at start-up are frozen, because they stay and need no scan, and the collector
    runs less often. A request releases the GIL at each system call; with the default switch
    interval, another thread could then keep it for 5 ms each time. numexpr's thread pool would
    never be used, because requests have too few rows.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.0005)
    numexpr.set_num_threads(1)
