"""supervisord restarts processes that exit; a real one is started for each test."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.errors import StackError
from stack.home import Home
from stack.processes import child
from stack.processes.confinement import Confinement
from stack.processes.programs import Program
from stack.processes.supervisor import Supervisor


def test_a_long_home_still_gets_a_socket(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 30))
    home.prepare()
    assert len(os.fsencode(Supervisor(home)._socket)) < 108


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that is shut down at the end, with all of its programs."""
    home = Home(tmp_path)
    home.prepare()
    supervisor = Supervisor(home)
    yield supervisor
    if supervisor.running():
        pid = int((home.run / "supervisord.pid").read_text())
        supervisor.shut_down()
        psutil.wait_procs([psutil.Process(pid)], timeout=20)
    child.end_all(home.run)


def program(name: str, code: str, **environment: str) -> Program:
    return Program(
        name=name,
        command=[sys.executable, "-c", code],
        environment={**os.environ, **environment},
        confinement=Confinement(writes=(Path("/"),)),
    )


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


SLEEP = "import time; time.sleep(600)"


def state(supervisor: Supervisor, name: str) -> str:
    return str(supervisor.states()[name]["statename"])


def test_without_a_supervisor_nothing_runs_and_there_are_no_states(supervisor: Supervisor) -> None:
    assert not supervisor.running()
    assert supervisor.states() == {}


def test_a_program_starts_when_it_is_told_and_again_after_it_was_killed(
    supervisor: Supervisor,
) -> None:
    supervisor.start([program("sleeper", SLEEP)])
    assert supervisor.running()
    assert state(supervisor, "sleeper") == "STOPPED"
    for _ in range(2):  # the second time it runs already
        supervisor.start_program("sleeper")
    until(lambda: state(supervisor, "sleeper") == "RUNNING")
    first = supervisor.states()["sleeper"]["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: state(supervisor, "sleeper") == "RUNNING")
    until(lambda: supervisor.states()["sleeper"]["pid"] not in (0, first))
    for _ in range(2):  # the second time it is stopped already
        supervisor.stop_program("sleeper")
    assert state(supervisor, "sleeper") == "STOPPED"


def test_an_unknown_program_is_named_with_its_log(supervisor: Supervisor) -> None:
    supervisor.start([program("sleeper", SLEEP)])
    with pytest.raises(StackError, match=r"other did not start \(BAD_NAME.*logs/other\.log"):
        supervisor.start_program("other")
    with pytest.raises(StackError, match=r"other did not stop: BAD_NAME"):
        supervisor.stop_program("other")


def test_supervisord_and_its_configuration_hold_no_secret_of_a_program(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXGATE_API_KEY", "the caller's key")
    home = supervisor.home
    shell = "print(__import__('os').environ['SECRET'], '100%', flush=True); " + SLEEP
    supervisor.start([program("sleeper", shell, SECRET="s3cret")])
    pid = int((home.run / "supervisord.pid").read_text())
    assert not [name for name in psutil.Process(pid).environ() if name.startswith("SIXGATE_API")]
    assert "s3cret" not in (home.run / "supervisord.conf").read_text()
    launch = home.run / "sleeper.launch.json"
    assert "s3cret" in launch.read_text()
    assert launch.stat().st_mode & 0o077 == 0
    supervisor.start_program("sleeper")
    log = home.logs / "sleeper.log"
    until(lambda: log.exists() and "s3cret 100%" in log.read_text())


def test_a_supervisor_that_can_not_start_says_why(supervisor: Supervisor) -> None:
    supervisor.home.logs.rmdir()
    with pytest.raises(StackError, match="supervisord did not start: "):
        supervisor.start([program("sleeper", SLEEP)])
