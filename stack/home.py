"""The state folder: its subfolders, its secrets and its instance id.

Each file of secrets is written once and atomically.
"""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipelines.errors import StackError
from pipelines.settings import ENV_FILE, Settings

NEEDED_BYTES = 1_000_000_000
FOLDERS = ("artifacts", "audit", "mlflow", "cache", "policies", "tmp", "jobs", "files")
# The first version already wrote these.
FIRST_SECRETS = frozenset({"instance", "postgres", "api_key"})


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secrets that `up` generates once and stores in `secrets.json` with mode 0600."""

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
        """Generate new secrets; the Fernet key is 32 bytes of url-safe base64, for Airflow."""
        import base64

        generated = {field.name: secrets.token_urlsafe(24) for field in fields(cls)}
        generated["instance"] = secrets.token_hex(8)
        generated["airflow_path"] = secrets.token_hex(12)
        generated["airflow_fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        generated["airflow_jwt"] = secrets.token_urlsafe(64)
        return cls(**generated)


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
        """The scoring server's folder: its journal, models, metrics and keys."""
        return self.path / "server"

    @property
    def mlflow_passwords(self) -> Path:
        return self.path / "mlflow-passwords.json"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that must exist before a process is confined to them."""
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
        """Create the folders; StackError when they can't be created or the disk is too full."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in self.folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{self.path} can't be created or written ({error.strerror}): "
                "point SIXGATE_HOME at a folder that can"
            ) from error
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise StackError(
                f"{self.path} has {free / 1e6:.0f} MB free and the stack needs "
                f"{NEEDED_BYTES / 1e6:.0f} MB: "
                "free some space or point SIXGATE_HOME at another disk"
            )

    def move_server(self) -> None:
        """Move the scoring server's files to its folder; old versions kept them in the home."""
        for name in ("journal", "models", "metrics", "api_keys.json"):
            old = self.path / name
            new = self.server / name
            if old.exists() and not new.exists():
                old.rename(new)

    def secrets(self) -> Secrets:
        """Read the secrets; generate them the first time, and later those that a new version adds.

        Raises StackError when the file is not one that `sixgate up` wrote.
        """
        generated = asdict(Secrets.generate())
        if not self.secrets_file.exists():
            write_private(self.secrets_file, json.dumps(generated, indent=2))
        try:
            stored = json.loads(self.secrets_file.read_text())
            if not stored.keys() >= FIRST_SECRETS:
                raise ValueError(f"it has no {', '.join(sorted(FIRST_SECRETS - stored.keys()))}")
            if missing := generated.keys() - stored.keys():
                if "airflow_path" in missing:
                    # Browsers send sessions from before the path to every port; end those sessions.
                    missing.add("airflow_jwt")
                stored |= {name: generated[name] for name in missing}
                write_private(self.secrets_file, json.dumps(stored, indent=2))
            # A newer version may have stored more.
            return Secrets(**{name: stored[name] for name in generated})
        except (ValueError, TypeError, AttributeError) as error:
            raise StackError(
                f"{self.secrets_file} is not what `sixgate up` wrote ({error}): "
                f"restore it from a backup, or remove {self.path} to start over without its data"
            ) from error


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, with mode 0600."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def airflow_pages(settings: Settings, stack_secrets: Secrets) -> str:
    """Return the URL of Airflow's user interface.

    It has a random path because a browser sends a session cookie to every port of a host, but only
    to the cookie's path.
    """
    return f"{settings.airflow_url}/{stack_secrets.airflow_path}"


def home_of(settings: Settings) -> Home:
    """Return the state folder that `settings` names."""
    return Home(settings.home.resolve())
