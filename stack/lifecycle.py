"""up, down and status: what `sixgate` does to the whole stack."""

import compileall
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from pipelines.errors import StackError
from pipelines.settings import ROOT, Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import connect
from pipelines.use_case import chosen
from stack import problems
from stack.home import Home, Secrets, airflow_pages, home_of
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
    """The parts of one home, laid out but not necessarily running."""

    settings: Settings
    home: Home
    secrets: Secrets
    postgres: Postgres
    supervisor: Supervisor

    @property
    def environments(self) -> Environments:
        """What each of its processes is told."""
        return Environments(self.home, self.secrets, self.postgres, self.settings)

    @classmethod
    def of(cls, settings: Settings) -> "Stack":
        """Lay out the stack of `settings.home`, making the folder and its secrets when they are not there."""
        home = home_of(settings)
        home.prepare()
        drawn = home.secrets()
        postgres = Postgres.embedded(home.path, instance=drawn.instance, port=settings.pg_port)
        return cls(settings, home, drawn, postgres, Supervisor(home))


def up(settings: Settings, *, say: Say, seconds: float = 240) -> bool:
    """Start whatever does not run and wait until all is healthy; False when all was up already."""
    stack = Stack.of(settings)
    if stack.supervisor.running():
        if _all_healthy(stack):
            return False
        say("a supervisor runs but not everything is well: starting what is missing")
    else:
        strays = child.strays(stack.secrets.instance)
        left = child.end_all(stack.home.run)
        child.end(strays)
        if left or strays:
            say(f"ended {max(left, len(strays))} processes that a crash had left behind")
        _require_free_ports(settings)
        if stack.postgres.initialise(stack.secrets.postgres):
            say(f"made a PostgreSQL cluster in {stack.postgres.data}")
        if version() == 0:
            say(
                "this kernel has no Landlock: processes are not confined to their folders, see SECURITY.md"
            )
        stack.home.move_server()
        stack.environments.write_credentials()
        _compile()
        stack.supervisor.start(programs(stack.environments))
    _start_programs(stack, say)
    _wait(stack, say, seconds)
    return True


def down(settings: Settings) -> int:
    """Stop everything this home started; return how many processes were ended."""
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
    strays = child.strays(home.secrets().instance)  # whatever was started after the first look
    child.end([*before, *strays])
    child.end_all(home.run)
    return len({*before, *strays})


def status(settings: Settings) -> dict[str, Any]:
    """Addresses, health, paths and problems, as `sixgate status --json` prints them.

    `up` is about processes, `ok` about everything: policies, DAGs and models too.
    """
    home = home_of(settings)
    supervised = Supervisor(home).states() if home.secrets_file.exists() else {}
    up_now = bool(supervised)
    if up_now:
        checks, listed = _asked(settings, home)
    else:
        checks, listed = dict.fromkeys(health_checks(settings), False), _down(settings, home)
    return {
        "ok": not listed,
        "problems": [asdict(problem) for problem in listed],
        "up": up_now and all(checks.values()),
        "health": checks,
        "alerts": _open_alerts(settings) if up_now else [],
        "policy_overlay": str(settings.policy_overlay) if settings.policy_overlay else None,
        "processes": {
            name: {"state": info["statename"], "pid": info["pid"]}
            for name, info in supervised.items()
        },
        "addresses": {
            "airflow": airflow_pages(settings, home.secrets())
            if home.secrets_file.exists()
            else settings.airflow_url,
            "mlflow": f"http://127.0.0.1:{settings.mlflow_port}",
            "server": settings.api_url,
            "docs": f"{settings.api_url}/docs",
            "postgres": f"127.0.0.1:{settings.pg_port}",
        },
        "paths": {
            "home": str(home.path),
            "logs": str(home.logs),
            "airflow_passwords": str(home.airflow / "passwords.json"),
            "mlflow_passwords": str(home.mlflow_passwords),
            "client_environment": str(home.env_file),
        },
    }


def _asked(settings: Settings, home: Home) -> tuple[dict[str, bool], list[problems.StatusProblem]]:
    """The health of each part, and every problem; all are asked at the same time."""
    with ThreadPoolExecutor() as pool:
        health = {name: pool.submit(check) for name, check in health_checks(settings).items()}
        dags = pool.submit(problems.dag_problems, settings)
        models = pool.submit(problems.model_problems, settings)
        checks = {name: job.result() for name, job in health.items()}
        listed = [
            *problems.part_problems(checks, home.logs),
            *problems.invalid_use_cases(settings),
            *dags.result(),
            *models.result(),
        ]
    return checks, listed


def _down(settings: Settings, home: Home) -> list[problems.StatusProblem]:
    return [
        problems.StatusProblem(
            "the stack", f"does not run in {home.path}", "`sixgate up` starts it"
        ),
        *problems.invalid_use_cases(settings),
    ]


def _open_alerts(settings: Settings) -> list[dict[str, Any]]:
    """Use case, cause, severity and state of what is open; nothing while the database can't tell."""
    try:
        with connect(settings, seconds=2) as connection:
            running = chosen(settings.reference, settings.use_cases)
            found = [alert for name in running for alert in AlertStore(connection).open(name)]
    except psycopg.Error:
        return []
    return [
        {"use_case": a.use_case, "cause": a.cause, "severity": a.severity, "state": a.state}
        for a in found
    ]


def _start_programs(stack: Stack, say: Say) -> None:
    stack.supervisor.start_program("postgres")
    stack.postgres.wait(stack.secrets.postgres)
    stack.postgres.create_databases(stack.secrets.postgres, stack.environments.roles)
    say("PostgreSQL answers")
    stack.supervisor.start_program("mlflow")
    with ThreadPoolExecutor(2) as pool:
        jobs: dict[str, Future[None]] = {
            "sixgate's schema is current": pool.submit(
                _command,
                [sys.executable, "-m", "pipelines.stores.migrations"],
                "the sixgate schema",
                stack.environments.migration(),
            ),
            "Airflow's database is migrated": pool.submit(
                _command,
                [str(Path(sys.executable).parent / "airflow"), "db", "migrate"],
                "airflow db migrate",
                stack.environments.airflow_migration(),
            ),
        }
        for message, job in jobs.items():
            job.result()
            say(message)
    for name in STARTING:
        stack.supervisor.start_program(name)


def _compile() -> None:
    """Keep bytecode of what is ours: the processes may not write it, and would each compile it anew."""
    for name in ("pipelines", "serving", "stack", "plugins", "dags"):
        compileall.compile_dir(ROOT / name, quiet=2)


def _command(command: list[str], what: str, env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd="/")
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
        raise StackError(f"{what} failed: {lines[-1] if lines else f'exit code {done.returncode}'}")


def _wait(stack: Stack, say: Say, seconds: float) -> None:
    waiting = health_checks(stack.settings)
    deadline = time.monotonic() + seconds
    while waiting:
        for name in [name for name, healthy in waiting.items() if healthy()]:
            del waiting[name]
            say(f"{name} is healthy")
        fatal = [
            name for name, info in stack.supervisor.states().items() if info["statename"] == "FATAL"
        ]
        if fatal:
            raise StackError(f"{fatal[0]} keeps dying; see {stack.home.logs / (fatal[0] + '.log')}")
        if waiting and time.monotonic() > deadline:
            raise StackError(
                f"{', '.join(waiting)} not healthy after {seconds:.0f} s; see {stack.home.logs}"
            )
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
                    f"port {port} is taken ({error.strerror}): stop what listens there, or set {variable}"
                ) from error


def _until(done: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)


def delete(settings: Settings) -> bool:
    """Remove the databases, models, logs and secrets of this home; False when it has none."""
    home = home_of(settings)
    if not home.secrets_file.exists():
        return False
    Stack.of(settings).postgres.delete()
    shutil.rmtree(home.path)
    return True
