"""The state folder: its secrets and its instance id, each written once, whole or not at all."""

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipelines.errors import StackError
from pipelines.settings import ENV_FILE, Settings

NEEDED_BYTES = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What `up` generates once; kept in `secrets.json` with mode 0600."""

    instance: str
    postgres: str
    airflow_fernet: str
    airflow_jwt: str
    airflow_secret: str
    airflow_admin: str
    airflow_reviewer: str
    airflow_viewer: str
    api_key: str

    @classmethod
    def generate(cls) -> "Secrets":
        """Draw fresh secrets; the Fernet key is 32 bytes of url-safe base64, as Airflow wants it."""
        import base64

        drawn = {field.name: secrets.token_urlsafe(24) for field in fields(cls)}
        drawn["instance"] = secrets.token_hex(8)
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

    def prepare(self) -> None:
        """Make the folders, or say in one line why they can't be."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.logs, self.run, self.airflow, self.path / "artifacts", self.path / "mlflow"):
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

    def secrets(self) -> Secrets:
        """Read the secrets, or draw them the first time."""
        if not self.secrets_file.exists():
            write_private(self.secrets_file, json.dumps(asdict(Secrets.generate()), indent=2))
        try:
            return Secrets(**json.loads(self.secrets_file.read_text()))
        except (ValueError, TypeError) as error:
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


def home_of(settings: Settings) -> Home:
    """The state folder that `settings` names."""
    return Home(settings.home.resolve())
