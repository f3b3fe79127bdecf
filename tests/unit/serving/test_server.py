"""The processes of the server: a supervisor replaces workers, and gives up in time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from pipelines.settings import ROOT, Settings
from serving.server import GRACE, TRIES, configuration
from serving.wire.bounded_http import BoundedHttp
from serving.wire.websocket import ListenOnlyWebSocket
from stack.temporary_services import free_port

SUPERVISE = """
import sys
from pathlib import Path
from tests.unit.serving.workers import supervise
supervise(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
"""


def command(factory: str, folder: Path, port: int = 0) -> list[str]:
    """The command line of a supervisor, in a process whose signals may be handled."""
    return [sys.executable, "-c", SUPERVISE, factory, str(folder), str(port)]


def supervised(factory: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Supervise workers until the supervisor gives up."""
    return subprocess.run(
        command(factory, folder), cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def pids(folder: Path) -> set[int]:
    """The process ids of the workers that were started."""
    return {int(path.name) for path in folder.iterdir() if not path.suffix}


def ready(folder: Path) -> set[int]:
    """The process ids of the workers that have answered the supervisor."""
    return {int(path.stem) for path in folder.glob("*.ready")}


@contextlib.contextmanager
def supervised_workers(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a supervisor of two workers that answer requests."""
    process = subprocess.Popen(
        command("answers", folder, port), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answered_by(port: int) -> int:
    """The worker that answers a request; 0 when none does at once."""
    with contextlib.suppress(httpx.HTTPError):
        return int(httpx.get(f"http://127.0.0.1:{port}/", timeout=0.5).text)
    return 0


def test_workers_that_die_before_they_are_ready_are_not_replaced_forever(tmp_path):
    done = supervised("dies", tmp_path)
    assert done.stdout.strip() == "True", done.stderr
    assert TRIES <= len(pids(tmp_path)) <= TRIES + 2
    assert "before it was ready" in done.stderr


def test_a_worker_that_reports_a_fault_ends_the_server_at_once(tmp_path):
    done = supervised("reports", tmp_path)
    assert done.stdout.strip() == "True", done.stderr
    assert len(pids(tmp_path)) <= 2  # none is replaced
    assert "ended with exit code 3 before it was ready" in done.stderr


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(signal.SIGSTOP, id="a worker that hangs"),
        pytest.param(signal.SIGKILL, id="a worker that is killed"),
    ],
)
def test_a_worker_is_replaced_and_the_other_answers_meanwhile(tmp_path, harm):
    port = free_port()
    with supervised_workers(tmp_path, port):
        until(lambda: len(ready(tmp_path)) == 2)
        harmed, other = ready(tmp_path)
        os.kill(harmed, harm)
        until(lambda: answered_by(port) == other)
        until(lambda: len(pids(tmp_path)) == 3)
        (new,) = pids(tmp_path) - {harmed, other}
        until(lambda: answered_by(port) == new)
        with pytest.raises(ProcessLookupError):
            os.kill(harmed, 0)


def test_the_configuration_bounds_what_a_client_may_do(tmp_path):
    settings = Settings(home=tmp_path, host="127.0.0.1", api_port=8123, api_workers=3)
    config = configuration(settings, partial(dict))
    assert (config.host, config.port, config.workers) == ("127.0.0.1", 8123, 3)
    assert config.http is BoundedHttp
    assert config.ws is ListenOnlyWebSocket
    assert config.ws_max_size == 4096
    assert config.timeout_graceful_shutdown == GRACE
    assert not config.proxy_headers  # a client can't choose the address that is logged
    assert not config.access_log


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_can_not_start_says_why_and_ends(tmp_path, workers):
    environment = {
        **os.environ,
        "SIXGATE_HOME": str(tmp_path),
        "SIXGATE_RATE_LIMIT": "much",
        "SIXGATE_API_WORKERS": workers,
        "SIXGATE_API_PORT": str(free_port()),
        "SIXGATE_API_KEY": "secret",
    }
    done = subprocess.run(
        [sys.executable, "-m", "serving"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "SIXGATE_RATE_LIMIT: 'much' is not a valid limit" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("serving: ")
    assert "Traceback" not in done.stderr
