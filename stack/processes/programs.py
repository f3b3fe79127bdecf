"""The processes of the stack: the command, the rights and the health check of each."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.settings import ROOT, Settings
from stack.home import Home
from stack.processes.confinement import Confinement, version
from stack.processes.environments import Environments
from stack.processes.service_user import adopt, give, open_to_all, owner_of
from stack.registry_server import launch

# Paths of the operating system that any program may read.
SYSTEM = tuple(map(Path, (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin",
    "/proc", "/sys/devices", "/sys/bus/pci", "/sys/fs/cgroup",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/ssl", "/etc/ca-certificates", "/etc/pki",
    "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
    "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/localtime", "/etc/timezone",
    "/etc/mime.types", "/etc/os-release",
    "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
)))  # fmt: skip
DEVICES = (Path("/dev/null"), Path("/dev/shm"))  # noqa: S108


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised process.

    `user` is the user that it runs as (None: the caller); see `Confinement` for what it may access,
    and `child.Launch` for `reads_through`.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    confinement: Confinement
    user: str | int | None = None
    reads_through: bool = False
    stop_signal: str = "TERM"


def programs(environments: Environments) -> list[Program]:
    """Return every process, in an order in which they can start."""
    return [
        _postgres(environments),
        _mlflow(environments),
        _server(environments),
        *_airflow(environments),
    ]


def _postgres(environments: Environments) -> Program:
    postgres = environments.postgres
    return Program(
        name="postgres",
        command=postgres.command(),
        environment=environments.plain(),
        confinement=Confinement(writes=(postgres.data, *DEVICES)),
        user=postgres.user,
        stop_signal="INT",
    )


def _mlflow(environments: Environments) -> Program:
    """The MLflow server, with the strictest confinement: its own folder and one port each way.

    Browsers connect to it, and passwords are sent to it.
    """
    settings = environments.settings
    code = (Path(sys.prefix), Path(sys.base_prefix), ROOT / "stack", ROOT / "pipelines")
    closed = not all(open_to_all(path) for path in (*code, Path(sys.executable)))
    own_user = os.geteuid() == 0 and not (closed and version() == 0)
    folder, user = _mlflow_folder(environments, own_user=own_user)
    return Program(
        name="mlflow",
        command=launch.command(settings.host, settings.mlflow_port, folder),
        environment=environments.mlflow(folder),
        confinement=Confinement(
            writes=(folder, *DEVICES),
            reads=(*SYSTEM, *code),
            lists=(ROOT,),
            ports=((settings.mlflow_port,), (environments.postgres.port,)),
        ),
        user=user,
        reads_through=user is not None and closed,
    )


def _mlflow_folder(environments: Environments, *, own_user: bool) -> tuple[Path, int | None]:
    """Return the folder of runs and models, and its owner if that is not the caller.

    The folder is in the home, or with `own_user` in another folder that belongs to a separate user.
    Only root can do this. It must not if only root can reach the program files and there is no
    Landlock: that user would need the right to read every file, and nothing would limit it.
    """
    folder = environments.home.path / "mlflow"
    owner = None
    if own_user:
        in_home = folder
        folder = environments.postgres.data.parent / "mlflow"
        owner = owner_of(folder, environments.secrets.instance)
        adopt(in_home, folder, owner)
    (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        give(folder / "tmp", owner)
    return folder, owner


def _server(environments: Environments) -> Program:
    """The scoring server: its folder, the program files, its port, the database and MLflow.

    Clients outside the machine connect to it first.
    """
    settings = environments.settings
    overlay = (settings.policy_overlay.resolve(),) if settings.policy_overlay else ()
    models = (settings.model_folder.resolve(),) if settings.model_folder else ()
    code = (
        Path(sys.prefix),
        Path(sys.base_prefix),
        ROOT / "pipelines",
        ROOT / "serving",
        ROOT / "sql",
    )
    return Program(
        name="server",
        command=[sys.executable, "-m", "serving"],
        environment=environments.server(),
        confinement=Confinement(
            writes=(environments.home.server, settings.jobs_root.resolve(), *DEVICES),
            reads=(*SYSTEM, *code, settings.reference.resolve(), *overlay, *models),
            lists=(ROOT,),
            ports=((settings.api_port,), (environments.postgres.port, settings.mlflow_port)),
        ),
    )


def _airflow(environments: Environments) -> list[Program]:
    """The processes of Airflow; none may write DAGs, plugins or Airflow's configuration."""
    home = environments.home
    port = str(environments.settings.airflow_port)
    serve = ["--host", environments.settings.host, "--port", port, "--workers", "1"]
    return [
        _airflow_program(
            home,
            ["api-server", *serve],
            environments.airflow_api_server(),
            writes=(home.airflow / "passwords.json",),  # Airflow opens it for appending
        ),
        _airflow_program(
            home,
            ["scheduler", "--skip-serve-logs"],
            environments.airflow_scheduler(),
            writes=_written_by_steps(environments.settings),
        ),
        _airflow_program(home, ["dag-processor"], environments.airflow_other()),
        _airflow_program(home, ["triggerer", "--skip-serve-logs"], environments.airflow_other()),
    ]


def _airflow_program(
    home: Home,
    arguments: list[str],
    environment: dict[str, str],
    *,
    writes: tuple[Path, ...] = (),
) -> Program:
    name = arguments[0]
    temporary = home.path / "tmp" / name
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    shared = (home.airflow / "logs", home.path / "cache")
    return Program(
        name=f"airflow-{name}",
        command=[str(Path(sys.executable).parent / "airflow"), *arguments],
        environment=environment | {"TMPDIR": str(temporary)},
        confinement=Confinement(writes=(*shared, temporary, *writes, *DEVICES)),
    )


def _written_by_steps(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that steps write to, including those that SIXGATE_WRITABLE lists."""
    listed = os.environ.get("SIXGATE_WRITABLE", "").split(os.pathsep)
    return (
        settings.artifact_root.resolve(),
        settings.last_valid.resolve(),
        (settings.home / "audit").resolve(),
        settings.jobs_root.resolve(),
        settings.files_root.resolve(),
        *(Path(path) for path in listed if path),
    )


def health_checks(settings: Settings) -> dict[str, Callable[[], bool]]:
    """Return the health check of each part of the stack."""
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
    names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    try:
        parts = httpx.get(url, timeout=5).json()
        return all(parts[name]["status"] == "healthy" for name in names)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
