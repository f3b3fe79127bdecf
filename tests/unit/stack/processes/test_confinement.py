"""A confined process can access what it is allowed to, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.processes import child
from stack.processes.confinement import Confinement, version
from stack.processes.service_user import FIRST
from stack.temporary_services import free_port

needs_landlock = pytest.mark.skipif(version() == 0, reason="this kernel has no Landlock")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can run a process as another user"
)

TRY = """
import json, os, socket, sys
from pathlib import Path
found = {}
def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except OSError as error:
        found[name] = type(error).__name__
inside, outside, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
attempt("write inside", lambda: (inside / "x").write_text("x"))
attempt("move inside", lambda: (inside / "x").rename(inside / "y"))
attempt("write outside", lambda: (outside / "x").write_text("x"))
attempt("truncate outside", lambda: os.truncate(outside / "kept", 0))
attempt("delete outside", lambda: (outside / "kept").unlink())
attempt("move outside", lambda: (inside / "y").rename(outside / "y"))
attempt("link outside", lambda: os.symlink(inside, outside / "link"))
attempt("read outside", lambda: (outside / "kept").read_text())
attempt("list outside", lambda: os.listdir(outside))
attempt("listen", lambda: socket.create_server(("127.0.0.1", port)))
attempt("listen elsewhere", lambda: socket.create_server(("127.0.0.1", 0)))
attempt("connect elsewhere", lambda: socket.create_connection(("127.0.0.1", 22), 1))
attempt("signal the caller", lambda: os.kill(int(sys.argv[4]), 0))
attempt("read the caller's environment", lambda: Path(f"/proc/{sys.argv[4]}/environ").read_bytes())
found["user"] = os.getuid()
print(json.dumps(found))
"""


def attempts(tmp_path: Path, **confinement: object) -> dict[str, object]:
    """Return what a process could do that may write `inside`.

    The keywords are those of `Launch` and `Confinement`; `ports=True` allows one port.
    """
    inside = tmp_path / "inside"
    outside = tmp_path / "outside"
    port = free_port()
    for folder in (inside, outside):
        folder.mkdir(exist_ok=True)
    (outside / "kept").write_text("kept")
    user = confinement.pop("user", None)
    reads_through = bool(confinement.pop("reads_through", False))
    if isinstance(user, int):
        os.chown(inside, user, user)
    if confinement.pop("ports", False):
        confinement["ports"] = ((port,), ())
    arguments = [str(inside), str(outside), str(port), str(os.getpid())]
    launch = child.Launch(
        note=tmp_path / "note.pid",
        command=[sys.executable, "-c", TRY, *arguments],
        environment=dict(os.environ),
        user=user,  # type: ignore[arg-type]
        reads_through=reads_through,
        confinement=Confinement(writes=(inside,), **confinement),  # type: ignore[arg-type]
    )
    (tmp_path / "launch.json").write_text(launch.dump())
    assert child.Launch.parse(launch.dump()) == launch
    command = [sys.executable, "-m", "stack.processes.child", str(tmp_path / "launch.json")]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert (outside / "kept").read_text() == "kept"
    return dict(json.loads(process.stdout))


WRITES = ("write outside", "truncate outside", "delete outside", "move outside", "link outside")
CODE = (
    Path(sys.prefix),
    Path(sys.base_prefix),
    Path("/usr"),
    Path("/lib"),
    Path("/lib64"),
    Path("/proc"),
)


@needs_landlock
def test_who_may_write_one_folder_writes_no_other_and_reads_all(tmp_path: Path) -> None:
    results = attempts(tmp_path)
    allowed = ("write inside", "move inside", "read outside", "list outside", "listen")
    assert {results[name] for name in WRITES} == {"PermissionError"}
    assert {results[name] for name in allowed} == {"done"}


@needs_landlock
def test_who_may_read_some_folders_reads_no_other_and_lists_what_is_named(tmp_path: Path) -> None:
    results = attempts(tmp_path, reads=CODE)
    refused = (*WRITES, "read outside", "list outside")
    assert {results[name] for name in refused} == {"PermissionError"}
    listed = attempts(tmp_path, reads=CODE, lists=(tmp_path / "outside",))
    assert (listed["list outside"], listed["read outside"]) == ("done", "PermissionError")


@pytest.mark.skipif(version() < 6, reason="this kernel's Landlock knows no ports or signals")
def test_who_may_use_one_port_uses_no_other_and_signals_nobody(tmp_path: Path) -> None:
    results = attempts(tmp_path, ports=True)
    refused = ("listen elsewhere", "connect elsewhere", "signal the caller")
    assert results["listen"] == "done"
    assert {results[name] for name in refused} == {"PermissionError"}


@needs_landlock
@needs_root
def test_a_service_user_reads_through_closed_folders_what_it_was_given_and_nothing_else(
    tmp_path: Path,
) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):  # pytest's own folders
            folder.chmod(0o711)
    results = attempts(
        tmp_path,
        user=FIRST,
        reads_through=True,
        reads=CODE,
        ports=True,
    )
    assert results["user"] == FIRST
    assert results["write inside"] == "done"
    refused = (
        *WRITES,
        "read outside",
        "list outside",
        "signal the caller",
        "read the caller's environment",
    )
    assert {results[name] for name in refused} == {"PermissionError"}
