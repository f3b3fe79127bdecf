"""Start and stop the whole stack, as `sixgate up` and `down` do."""

import compileall
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StackError
from pipelines.settings import ROOT, Settings
from stack.home import Home, Secrets, home_of
from stack.processes import child
from stack.processes.confinement import version
from stack.processes.environments import Environments
from stack.processes.postgres import Postgres
from stack.processes.programs import health_checks, programs
from stack.processes.supervisor import Supervisor

Say = Callable[[str], None]
STARTING = (
    "server",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
)


@dataclass(frozen=True)
class Stack:
    """The parts of one home, whether they run or not."""

    settings: Settings
    home: Home
    secrets: Secrets
    postgres: Postgres
    supervisor: Supervisor

    @property
    def environments(self) -> Environments:
        """The environment variables of each of its processes."""
        return Environments(self.home, self.secrets, self.postgres, self.settings)

    @classmethod
    def of(cls, settings: Settings) -> "Stack":
        """Return the stack of `settings.home`; create the folder and its secrets if missing."""
        home = home_of(settings)
        home.prepare()
        secrets = home.secrets()
        postgres = Postgres.embedded(home.path, instance=secrets.instance, port=settings.pg_port)
        return cls(
            settings=settings,
            home=home,
            secrets=secrets,
            postgres=postgres,
            supervisor=Supervisor(home),
        )


def up(settings: Settings, *, say: Say, seconds: float = 240) -> bool:
    """Start what does not run and wait until all is healthy; False when all was up already."""
    stack = Stack.of(settings)
    if stack.supervisor.running():
        if _all_healthy(stack):
            return False
        say("a supervisor is running but not every part is healthy: starting what is missing")
    else:
        _start_supervisor(stack, say)
    _start_programs(stack, say)
    _wait(stack, say, seconds)
    return True


def _start_supervisor(stack: Stack, say: Say) -> None:
    """End what a crash left behind, prepare the home, and start supervisord without programs."""
    strays = child.strays(stack.secrets.instance)
    left = child.end_all(stack.home.run)
    child.end(strays)
    if left or strays:
        say(f"ended {max(left, len(strays))} processes that were left running after a crash")
    _require_free_ports(stack.settings)
    if stack.postgres.initialise(stack.secrets.postgres):
        say(f"created a PostgreSQL cluster in {stack.postgres.data}")
    if version() == 0:
        say(
            "this kernel has no Landlock: processes are not confined to their folders, "
            "see SECURITY.md"
        )
    stack.home.move_server()
    stack.environments.write_credentials()
    _compile()
    stack.supervisor.start(programs(stack.environments))


def down(settings: Settings) -> int:
    """Stop every process that this home started; return how many were ended."""
    home = home_of(settings)
    if not home.secrets_file.exists():
        return 0
    supervisor = Supervisor(home)
    before = child.descendants(home.run)
    for name in reversed(list(supervisor.states())):
        if name != "postgres":
            supervisor.stop_program(name)
    if supervisor.running():
        supervisor.stop_program("postgres")
        supervisor.shut_down()
        _until(lambda: not supervisor.running(), seconds=15)
    # Processes that were started after `before` was listed.
    strays = child.strays(home.secrets().instance)
    child.end([*before, *strays])
    child.end_all(home.run)
    return len({*before, *strays})


def _start_programs(stack: Stack, say: Say) -> None:
    stack.supervisor.start_program("postgres")
    stack.postgres.wait(stack.secrets.postgres)
    stack.postgres.create_databases(stack.secrets.postgres, stack.environments.roles)
    say("PostgreSQL accepts connections")
    stack.supervisor.start_program("mlflow")
    _migrate(stack, say)
    for name in STARTING:
        stack.supervisor.start_program(name)


def _migrate(stack: Stack, say: Say) -> None:
    """Migrate Sixgate's and Airflow's databases at the same time."""
    airflow = str(Path(sys.executable).parent / "airflow")
    with ThreadPoolExecutor(2) as pool:
        jobs: dict[str, Future[None]] = {
            "Sixgate's database is migrated": pool.submit(
                _command,
                [sys.executable, "-m", "pipelines.stores.migrations"],
                "the migration of Sixgate's database",
                stack.environments.migration(),
            ),
            "Airflow's database is migrated": pool.submit(
                _command,
                [airflow, "db", "migrate"],
                "airflow db migrate",
                stack.environments.airflow_migration(),
            ),
        }
        for message, job in jobs.items():
            job.result()
            say(message)


def _compile() -> None:
    """Compile our packages; the processes may not write bytecode and would each compile them."""
    for name in ("pipelines", "serving", "stack", "plugins", "dags"):
        compileall.compile_dir(ROOT / name, quiet=2)


def _command(command: list[str], what: str, env: dict[str, str]) -> None:
    """Run a command; StackError with its last line of output when it fails."""
    result = subprocess.run(
        command,
        env=env,
        capture_output=True,
        text=True,
        cwd="/",
    )
    if result.returncode:
        output = (result.stderr or result.stdout).strip()
        lines = [line for line in output.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit code {result.returncode}"
        raise StackError(f"{what} failed: {reason}")


def _wait(stack: Stack, say: Say, seconds: float) -> None:
    waiting = health_checks(stack.settings)
    deadline = time.monotonic() + seconds
    while waiting:
        for name in [name for name, healthy in waiting.items() if healthy()]:
            del waiting[name]
            say(f"{name} is healthy")
        for name, info in stack.supervisor.states().items():
            if info["statename"] == "FATAL":
                log = stack.home.logs / f"{name}.log"
                raise StackError(f"{name} exits again after every restart; see {log}")
        if waiting and time.monotonic() > deadline:
            names = ", ".join(waiting)
            raise StackError(f"{names} not healthy after {seconds:.0f} s; see {stack.home.logs}")
        time.sleep(0.3)


def _all_healthy(stack: Stack) -> bool:
    return all(check() for check in health_checks(stack.settings).values())


def _require_free_ports(settings: Settings) -> None:
    ports = {
        "SIXGATE_PG_PORT": settings.pg_port,
        "SIXGATE_MLFLOW_PORT": settings.mlflow_port,
        "SIXGATE_API_PORT": settings.api_port,
        "SIXGATE_AIRFLOW_PORT": settings.airflow_port,
    }
    for variable, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise StackError(
                    f"port {port} is taken ({error.strerror}): "
                    f"stop what listens there, or set {variable}"
                ) from error


def _until(holds: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)


def delete(settings: Settings) -> bool:
    """Remove the databases, models, logs and secrets of this home; False if there are none."""
    home = home_of(settings)
    if not home.secrets_file.exists():
        return False
    Stack.of(settings).postgres.delete()
    shutil.rmtree(home.path)
    return True
