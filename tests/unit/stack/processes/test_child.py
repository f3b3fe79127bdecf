"""A process of the stack: its note, its rights, and how it is found and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack.processes import child
from stack.processes.confinement import Confinement


def test_noted_processes_and_their_children_are_found_and_ended(tmp_path: Path) -> None:
    note = tmp_path / "sleeper.pid"
    sleep = "import time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"
    launch = child.Launch(
        note=note,
        command=[sys.executable, "-c", code],
        environment=dict(os.environ),
    )
    (tmp_path / "launch.json").write_text(launch.dump())
    parent = subprocess.Popen(
        [sys.executable, "-m", "stack.processes.child", str(tmp_path / "launch.json")]
    )
    while len(child.descendants(tmp_path)) < 2:
        assert parent.poll() is None
    family = child.descendants(tmp_path)
    assert child.end_all(tmp_path) == 2
    parent.wait(10)
    assert not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family
    )
    assert not list(tmp_path.glob("*.pid"))


def test_a_note_whose_id_belongs_to_another_process_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.pid").write_text(f"{os.getpid()} 12345.0")
    (tmp_path / "broken.pid").write_text("what")
    assert child.end_all(tmp_path) == 0


def launch(tmp_path: Path, code: str, **options: object) -> child.Launch:
    """Return the launch of a Python program."""
    return child.Launch(
        note=tmp_path / "program.pid",
        command=[sys.executable, "-c", code],
        environment=dict(os.environ),
        **options,  # type: ignore[arg-type]
    )


def run(tmp_path: Path, launch: child.Launch) -> subprocess.CompletedProcess[str]:
    """Run a program as the supervisor does."""
    file = tmp_path / "launch.json"
    file.write_text(launch.dump())
    command = [sys.executable, "-m", "stack.processes.child", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "confinement",
    [
        pytest.param(None, id="no confinement"),
        pytest.param(Confinement(writes=(Path("/a"),)), id="one that may read all"),
        pytest.param(
            Confinement(
                writes=(Path("/a"), Path("/b")),
                reads=(Path("/usr"),),
                lists=(Path("/c"),),
                ports=((1,), (2, 3)),
            ),
            id="one with ports",
        ),
        pytest.param(Confinement(writes=(), reads=(), ports=((), ())), id="one without any right"),
    ],
)
@pytest.mark.parametrize("user", [None, "nobody", 61184])
def test_a_launch_is_read_as_it_was_written(tmp_path: Path, confinement, user) -> None:
    written = launch(tmp_path, "", confinement=confinement, user=user, reads_through=True)
    assert child.Launch.parse(written.dump()) == written


def test_a_program_gets_its_own_environment_only_and_its_process_is_noted(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps([os.getpid(), dict(os.environ)]))"
    environment = {"PATH": os.environ["PATH"], "SECRET": "s", "TMPDIR": str(tmp_path / "tmp")}
    done = run(tmp_path, replace(launch(tmp_path, code), environment=environment))
    pid, seen = json.loads(done.stdout)
    assert {name: seen[name] for name in environment} == environment
    assert set(seen) - set(environment) <= {"LC_CTYPE"}  # Python sets it by itself
    assert int((tmp_path / "program.pid").read_text().split()[0]) == pid
    assert (tmp_path / "tmp").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop root's rights")
def test_the_rights_of_root_are_dropped_with_all_its_groups(tmp_path: Path) -> None:
    identity = ["/bin/sh", "-c", "echo $(id -u) $(id -g) $(id -G)"]
    done = run(tmp_path, replace(launch(tmp_path, "", user=61184), command=identity))
    assert done.stdout.split() == ["61184", "61184", "61184"]


def test_a_stray_is_found_by_its_mark_and_one_of_another_instance_is_not(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    mine, other = (
        subprocess.Popen(sleep, env={**os.environ, child.MARK: instance}, stdout=subprocess.PIPE)
        for instance in ("instance-one", "instance-two")
    )
    for process in (mine, other):
        process.stdout.readline()
    try:
        found = {process.pid for process in child.strays("instance-one")}
        assert mine.pid in found
        assert other.pid not in found
    finally:
        for process in (mine, other):
            process.kill()
            process.communicate()


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    stubborn = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    stubborn.stdout.readline()
    child.end([psutil.Process(stubborn.pid)], seconds=0.2)
    assert not psutil.pid_exists(stubborn.pid)
    stubborn.communicate(timeout=10)
