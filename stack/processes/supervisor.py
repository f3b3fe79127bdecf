"""supervisord, which restarts processes that exit: its configuration and the calls to it."""

import configparser
import io
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from pipelines.errors import StackError
from stack.home import Home, write_private
from stack.processes.child import MARK, Launch
from stack.processes.environments import OUR_OWN
from stack.processes.programs import Program

SOCKET_LIMIT = 100  # bytes that every platform allows a unix socket's path


@dataclass(frozen=True)
class Supervisor:
    """The supervisor of one home."""

    home: Home

    @property
    def _config(self) -> Path:
        return self.home.run / "supervisord.conf"

    @property
    def _socket(self) -> Path:
        in_home = self.home.run / "supervisor.sock"
        if len(os.fsencode(in_home)) < SOCKET_LIMIT:
            return in_home
        name = f"sixgate-{self.home.secrets().instance}.sock"
        return Path("/tmp") / name  # noqa: S108 - the socket has mode 0700

    def start(self, programs: list[Program]) -> None:
        """Write the configuration and start supervisord in the background, without programs.

        supervisord gets no secret: each program reads its environment from a file.
        """
        self._write(programs)
        environment = {
            name: value for name, value in os.environ.items() if not OUR_OWN.fullmatch(name)
        }
        environment[MARK] = self.home.secrets().instance
        arguments = ["-W", "ignore", "-m", "supervisor.supervisord", "-c", str(self._config)]
        result = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            reason = (result.stderr or result.stdout).strip()
            raise StackError(f"supervisord did not start: {reason}; see {self.home.logs}")
        deadline = time.monotonic() + 15
        while not self.running():
            if time.monotonic() > deadline:
                raise StackError(
                    f"supervisord does not answer on {self._socket}; "
                    f"see {self.home.logs}/supervisord.log"
                )
            time.sleep(0.05)

    def running(self) -> bool:
        """Return whether a supervisor of this home answers."""
        try:
            with self._connected() as supervisor:
                supervisor.getState()
            return True
        except (OSError, xmlrpc.client.Error):
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """Return name → supervisord's information on each process; empty if it does not run."""
        try:
            with self._connected() as supervisor:
                return {info["name"]: info for info in supervisor.getAllProcessInfo()}
        except (OSError, xmlrpc.client.Error):
            return {}

    def start_program(self, name: str) -> None:
        """Start one program unless it runs already."""
        try:
            with self._connected() as supervisor:
                supervisor.startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise StackError(
                    f"{name} did not start ({fault.faultString}); see {self.home.logs}/{name}.log"
                ) from fault

    def stop_program(self, name: str) -> None:
        """Stop one program and wait until it has exited."""
        try:
            with self._connected() as supervisor:
                supervisor.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise StackError(f"{name} did not stop: {fault.faultString}") from fault

    def shut_down(self) -> None:
        """End supervisord itself."""
        with self._connected() as supervisor:
            supervisor.shutdown()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
        finally:
            transport.close()

    def _write(self, programs: list[Program]) -> None:
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": str(self._socket), "chmod": "0700"}
        config["supervisord"] = {
            "pidfile": str(self.home.run / "supervisord.pid"),
            "logfile": str(self.home.logs / "supervisord.log"),
            "childlogdir": str(self.home.logs),
            "umask": "077",
        } | ({"user": "root"} if os.geteuid() == 0 else {})
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in programs:
            config[f"program:{program.name}"] = self._section(program)
        text = io.StringIO()
        config.write(text)
        write_private(self._config, text.getvalue())

    def _section(self, program: Program) -> dict[str, str]:
        launch = Launch(
            note=self.home.run / f"{program.name}.pid",
            command=program.command,
            environment=program.environment,
            user=program.user,
            confinement=program.confinement,
            reads_through=program.reads_through,
        )
        file = self.home.run / f"{program.name}.launch.json"
        write_private(file, launch.dump())
        command = (sys.executable, "-m", "stack.processes.child", str(file))
        return {
            "command": " ".join(_quoted(part) for part in command),
            "directory": "/",
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "1",
            "startretries": "10",
            "stopsignal": program.stop_signal,
            "stopasgroup": "false" if program.name == "postgres" else "true",
            "killasgroup": "true",
            "stopwaitsecs": "20",
            "redirect_stderr": "true",
            "stdout_logfile": str(self.home.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
        }


def _quoted(part: str) -> str:
    """Quote one argument for supervisord's configuration, which expands `%`."""
    return shlex.quote(part).replace("%", "%%")
