"""The state folder: its secrets and its instance id, each written once, whole or not at all."""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipelines.errors import StackError
from pipelines.settings import ENV_FILE, Settings

NEEDED_BYTES = 1_000_000_000
FOLDERS = ("artifacts", "mlflow", "cache", "policies", "tmp")
FIRST_SECRETS = frozenset(
    {"instance", "postgres", "api_key"}
)  # what the first version wrote already


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What `up` generates once; kept in `secrets.json` with mode 0600."""

    instance: str
    postgres: str
    postgres_steps: str
    postgres_server: str
    postgres_pages: str
    postgres_airflow: str
    postgres_mlflow: str
    mlflow_admin: str
    mlflow_steps: str
    mlflow_server: str
    mlflow_secret: str
    airflow_fernet: str
    airflow_jwt: str
    airflow_secret: str
    airflow_admin: str
    airflow_reviewer: str
    airflow_viewer: str
    airflow_path: str
    api_key: str

    @classmethod
    def generate(cls) -> "Secrets":
        """Draw fresh secrets; the Fernet key is 32 bytes of url-safe base64, as Airflow wants it."""
        import base64

        drawn = {field.name: secrets.token_urlsafe(24) for field in fields(cls)}
        drawn["instance"] = secrets.token_hex(8)
        drawn["airflow_path"] = secrets.token_hex(12)
        drawn["airflow_fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        drawn["airflow_jwt"] = secrets.token_urlsafe(64)
        return cls(**drawn)


@dataclass(frozen=True)
class Home:
    """Paths below `SIXGATE_HOME`."""

    path: Path

    @property
    def secrets_file(self) -> Path:
        return self.path / "secrets.json"

    @property
    def env_file(self) -> Path:
        return self.path / ENV_FILE

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def airflow(self) -> Path:
        return self.path / "airflow"

    @property
    def server(self) -> Path:
        """The scoring server's own: its journal, models, figures and keys."""
        return self.path / "server"

    @property
    def mlflow_passwords(self) -> Path:
        return self.path / "mlflow-passwords.json"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What has to be there before a process is confined to it."""
        return (
            self.logs,
            self.run,
            self.airflow,
            self.airflow / "logs",
            self.server,
            self.server / "tmp",
            *(self.path / name for name in FOLDERS),
        )

    def prepare(self) -> None:
        """Make the folders, or say in one line why they can't be."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in self.folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{self.path} can't be made or written ({error.strerror}): point SIXGATE_HOME at a folder that can"
            ) from error
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise StackError(
                f"{self.path} has {free / 1e6:.0f} MB free and the stack needs {NEEDED_BYTES / 1e6:.0f} MB: "
                "free some space or point SIXGATE_HOME at another disk"
            )

    def move_server(self) -> None:
        """Give the scoring server what former versions kept for it beside everything else."""
        for name in ("journal", "models", "metrics", "api_keys.json"):
            if (self.path / name).exists() and not (self.server / name).exists():
                (self.path / name).rename(self.server / name)

    def secrets(self) -> Secrets:
        """Read the secrets; draw them the first time, and later what a newer version needs beside them."""
        drawn = asdict(Secrets.generate())
        if not self.secrets_file.exists():
            write_private(self.secrets_file, json.dumps(drawn, indent=2))
        try:
            kept = json.loads(self.secrets_file.read_text())
            if not kept.keys() >= FIRST_SECRETS:
                raise ValueError(f"it has no {', '.join(sorted(FIRST_SECRETS - kept.keys()))}")
            if missing := drawn.keys() - kept.keys():
                if (
                    "airflow_path" in missing
                ):  # sessions from before it would still be sent to every port, and be good
                    missing.add("airflow_jwt")
                kept |= {name: drawn[name] for name in missing}
                write_private(self.secrets_file, json.dumps(kept, indent=2))
            return Secrets(
                **{name: kept[name] for name in drawn}
            )  # a newer version may have drawn more
        except (ValueError, TypeError, AttributeError) as error:
            raise StackError(
                f"{self.secrets_file} is not what `sixgate up` wrote ({error}): restore it from a copy, "
                f"or remove {self.path} to start over without its data"
            ) from error


def write_private(path: Path, text: str) -> None:
    """Write `text` for the owner's eyes only, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def airflow_pages(settings: Settings, drawn: Secrets) -> str:
    """Where people find Airflow: a browser sends its session to this path only, whichever port it asks."""
    return f"{settings.airflow_url}/{drawn.airflow_path}"


def home_of(settings: Settings) -> Home:
    """The state folder that `settings` names."""
    return Home(settings.home.resolve())
