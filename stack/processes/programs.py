"""The processes of the stack: what each runs, what it may touch, and how its health is asked."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.settings import ROOT, Settings
from stack.processes.confinement import Confinement, version
from stack.processes.environments import Environments
from stack.processes.service_user import adopt, give, open_to_all, owner_of
from stack.registry_server import launch

# Where an operating system keeps what every program reads.
SYSTEM = tuple(map(Path, (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/proc", "/sys/devices", "/sys/bus/pci", "/sys/fs/cgroup",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ssl", "/etc/ca-certificates", "/etc/pki",
    "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/os-release",
    "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
)))  # fmt: skip
DEVICES = (Path("/dev/null"), Path("/dev/shm"))  # noqa: S108


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process: what it is told, whom it runs as (None: whoever calls), and what it may touch."""

    name: str
    command: list[str]
    environment: dict[str, str]
    confinement: Confinement
    user: str | int | None = None
    reads_through: bool = False
    stop_signal: str = "TERM"


def programs(told: Environments) -> list[Program]:
    """Every process in the order in which they may start."""
    return [_postgres(told), _mlflow(told), _server(told), *_airflow(told)]


def _postgres(told: Environments) -> Program:
    postgres = told.postgres
    return Program(
        name="postgres",
        command=postgres.command(),
        environment=told.plain(),
        confinement=Confinement(writes=(postgres.data, *DEVICES)),
        user=postgres.user,
        stop_signal="INT",
    )


def _mlflow(told: Environments) -> Program:
    """Browsers reach it and its passwords travel, so it is confined the most: to its folder, and to one port each way."""
    settings = told.settings
    code = (Path(sys.prefix), Path(sys.base_prefix), ROOT / "stack", ROOT / "pipelines")
    closed = not all(open_to_all(path) for path in (*code, Path(sys.executable)))
    folder, user = _mlflow_place(told, alone=os.geteuid() == 0 and not (closed and version() == 0))
    return Program(
        name="mlflow",
        command=launch.command(settings.host, settings.mlflow_port, folder),
        environment=told.mlflow(folder),
        confinement=Confinement(
            writes=(folder, *DEVICES),
            reads=(*SYSTEM, *code),
            lists=(ROOT,),
            ports=((settings.mlflow_port,), (told.postgres.port,)),
        ),
        user=user,
        reads_through=user is not None and closed,
    )


def _mlflow_place(told: Environments, *, alone: bool) -> tuple[Path, int | None]:
    """Where runs and models lie, and who owns them: in the home, or with `alone` in a folder of a user of their own.

    Root can give MLflow such a user, unless only root can reach the program files and no Landlock would limit a user who
    may read them all the same.
    """
    folder, owner = told.home.path / "mlflow", None
    if alone:
        inside, folder = folder, told.postgres.data.parent / "mlflow"
        owner = owner_of(folder, told.secrets.instance)
        adopt(inside, folder, owner)
    (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        give(folder / "tmp", owner)
    return folder, owner


def _server(told: Environments) -> Program:
    """The part that strangers reach first: its own folder, the program files, its port, the database and MLflow."""
    settings = told.settings
    overlay = (settings.policy_overlay.resolve(),) if settings.policy_overlay else ()
    models = (settings.model_folder.resolve(),) if settings.model_folder else ()
    code = (
        Path(sys.prefix),
        Path(sys.base_prefix),
        *(ROOT / name for name in ("pipelines", "serving", "sql")),
    )
    return Program(
        name="server",
        command=[sys.executable, "-m", "serving"],
        environment=told.server(),
        confinement=Confinement(
            writes=(told.home.server, *DEVICES),
            reads=(*SYSTEM, *code, settings.reference.resolve(), *overlay, *models),
            lists=(ROOT,),
            ports=((settings.api_port,), (told.postgres.port, settings.mlflow_port)),
        ),
    )


def _airflow(told: Environments) -> list[Program]:
    """No part of Airflow may write DAGs, plugins, or its own configuration: those are the deployer's."""
    settings, home = told.settings, told.home
    serve = [
        "api-server",
        "--host",
        settings.host,
        "--port",
        str(settings.airflow_port),
        "--workers",
        "1",
    ]
    named = os.environ.get("SIXGATE_WRITABLE", "").split(os.pathsep)
    by_steps = (
        settings.artifact_root.resolve(),
        settings.last_valid.resolve(),
        *(Path(path) for path in named if path),
    )

    def program(
        name: str, arguments: list[str], environment: dict[str, str], written: tuple[Path, ...] = ()
    ) -> Program:
        temporary = home.path / "tmp" / name
        temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Program(
            name=f"airflow-{name}",
            command=[str(Path(sys.executable).parent / "airflow"), *arguments],
            environment=environment | {"TMPDIR": str(temporary)},
            confinement=Confinement(
                writes=(home.airflow / "logs", home.path / "cache", temporary, *written, *DEVICES)
            ),
        )

    return [
        program(
            "api-server", serve, told.airflow_api_server(), (home.airflow / "passwords.json",)
        ),  # it opens it to append
        program(
            "scheduler", ["scheduler", "--skip-serve-logs"], told.airflow_scheduler(), by_steps
        ),
        program("dag-processor", ["dag-processor"], told.airflow_other()),
        program("triggerer", ["triggerer", "--skip-serve-logs"], told.airflow_other()),
    ]


def health_checks(settings: Settings) -> dict[str, Callable[[], bool]]:
    """How each part is asked whether it is well."""
    airflow = f"{settings.airflow_url}/api/v2/monitor/health"
    return {
        "airflow": lambda: _airflow_healthy(airflow),
        "mlflow": lambda: _ok(f"http://127.0.0.1:{settings.mlflow_port}/health"),
        "server": lambda: _ok(f"{settings.api_url}/healthz"),
    }


def _ok(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _airflow_healthy(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=5)
        parts = answer.json()
        return all(
            parts[name]["status"] == "healthy"
            for name in ("metadatabase", "scheduler", "dag_processor", "triggerer")
        )
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
