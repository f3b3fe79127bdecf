"""The server's processes: one worker, or several with a supervisor that replaces those that die.

Workers are spawned, so they import what they run by name: nothing here may live in `__main__`.
"""

import gc
import logging
import sys
import time
from functools import partial
from pathlib import Path
from socket import socket

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
from serving.wire.websocket import ListenersOnly

GRACE = (
    5  # seconds for requests under way; the shipper has 10 more, and the supervisor waits for 20
)
SLOWEST_START = 60.0  # seconds that a worker may need for its imports while others do the same
SLOWEST_ANSWER = 10.0  # seconds until a worker counts as hung
TRIES = 5  # workers in a row that die before they are ready

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and ship what is left."""
    if settings.api_workers == 1:
        uvicorn.Server(configuration(settings, partial(application, settings))).run()
        return
    with shared_folder(settings) as folder:
        config = configuration(settings, partial(worker_application, settings, folder))
        supervisor = WorkerSupervisor(config, [config.bind_socket()])
        supervisor.run()
    if supervisor.gave_up:
        raise StackError("the workers can't start, so the server stops: see the errors above")


def configuration(settings: Settings, factory: partial[ASGIApp]) -> uvicorn.Config:
    """What uvicorn is told; the factory makes the application in the worker's own process."""
    return uvicorn.Config(
        factory,
        factory=True,
        host=settings.host,
        port=settings.api_port,
        workers=settings.api_workers,
        loop="uvloop",
        http=BoundedHttp,
        ws=ListenersOnly,
        ws_max_size=4096,  # nothing is asked of who listens
        log_level="warning",
        log_config=None,
        access_log=False,  # we write our own, as JSON
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def application(settings: Settings, shared: Path | None = None) -> ASGIApp:
    """One worker's application."""
    made = create_app(settings, shared=shared)
    _tune()
    return made


def worker_application(settings: Settings, shared: Path) -> ASGIApp:
    """The application of one worker among several; a fault ends the supervisor too, as every worker would meet it."""
    json_logs.install()
    follow_parent()
    try:
        return application(settings, shared)
    except Exception as error:
        log.error("a worker can't start: %s", error, exc_info=not isinstance(error, SixgateError))
        sys.exit(STARTUP_FAILURE)


class WorkerSupervisor(Multiprocess):
    """Replaces workers that die or hang; gives up when one reports a fault, or when `TRIES` in a row die before they are ready.

    It never waits for a worker: uvicorn would, for as long as a hung one may take, and replace no other meanwhile.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.gave_up = False
        self._asked: dict[
            Process, float
        ] = {}  # when a worker was asked what it has not answered yet
        self._ready: set[Process] = set()
        self._failed = 0

    def keep_subprocess_alive(self) -> None:
        """Look after every worker once; uvicorn calls this twice a second."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if not self._lives(process):
                self._replace(place, process)

    def _lives(self, process: Process) -> bool:
        """Whether a worker answers in time; one that has just been spawned imports first."""
        if not process.process.is_alive():
            return False
        now = time.monotonic()
        asked = self._asked.setdefault(process, now)
        if asked == now:
            process.parent_conn.send(b"ping")
        elif process.parent_conn.poll():
            self._note_answer(process, started=process.parent_conn.recv())
        else:
            return now - asked < (SLOWEST_ANSWER if process in self._ready else SLOWEST_START)
        return True

    def _note_answer(self, process: Process, *, started: bool) -> None:
        self._asked.pop(process)
        if started and process not in self._ready:
            self._ready.add(process)
            self._failed = 0

    def _replace(self, place: int, process: Process) -> None:
        process.kill()  # it may hang
        process.join()
        self._asked.pop(process, None)
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
            "worker %s ended with exit code %s: a new one starts", process.pid, process.exitcode
        )
        self.processes[place] = Process(self.config, self.sockets)
        self.processes[place].start()


def _tune() -> None:
    """What start-up made stays, so the collector need not walk it again and again, and it looks for cycles less often.

    A request gives up the interpreter's lock at each system call, and another thread would keep it for 5 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.0005)
