"""The settings of Sixgate: one frozen object, built at entry points and passed down.

Importing this module connects to nothing.
"""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
ENV_FILE = "sixgate.env"


class Settings(BaseSettings):
    """All settings, read from `SIXGATE_*` environment variables, then from `sixgate.env`.

    `sixgate up` writes that file to `SIXGATE_HOME`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SIXGATE_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
    )

    root: Path = ROOT
    home: Path = ROOT / ".sixgate"
    database_url: str = "postgresql://sixgate@127.0.0.1:5433/sixgate"
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000",
        validation_alias=AliasChoices("mlflow_tracking_uri", "MLFLOW_TRACKING_URI"),
    )
    mlflow_tracking_username: str = Field(
        "", validation_alias=AliasChoices("mlflow_tracking_username", "MLFLOW_TRACKING_USERNAME")
    )
    mlflow_tracking_password: str = Field(
        "",
        repr=False,
        validation_alias=AliasChoices("mlflow_tracking_password", "MLFLOW_TRACKING_PASSWORD"),
    )
    mlflow_url: str = ""
    model_folder: Path | None = None
    artifacts: Path | None = None
    policy_overlay: Path | None = None
    use_cases: str = ""
    host: str = "127.0.0.1"
    pg_port: int = Field(5433, ge=1, le=65535)
    airflow_port: int = Field(8080, ge=1, le=65535)
    mlflow_port: int = Field(5000, ge=1, le=65535)
    api_port: int = Field(8000, ge=1, le=65535)
    api_key: str = ""
    api_workers: int = Field(1, ge=1, le=64)
    cors_origins: str = ""
    rate_limit: str = "50000/second"
    journal_sync: Literal["interval", "always", "never"] = "interval"
    journal_bytes: int = Field(2**30, ge=2**20)

    @property
    def reference(self) -> Path:
        """The folder that holds one folder per use case."""
        return self.root / "reference"

    @property
    def last_valid(self) -> Path:
        """The folder of the last valid contracts and policies."""
        return self.home / "policies"

    @property
    def artifact_root(self) -> Path:
        """The folder of snapshots, datasets, reports and quarantined rows."""
        return self.artifacts or self.home / "artifacts"

    @property
    def api_url(self) -> str:
        """The local URL of the scoring server."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def airflow_url(self) -> str:
        """The local URL of Airflow's API server."""
        return f"http://127.0.0.1:{self.airflow_port}"

    def model_page(self, use_case: str, version: int) -> str:
        """The URL of a model version in MLflow's UI.

        `mlflow_url` is set where browsers reach MLflow at another address than programs do.
        """
        base = (self.mlflow_url or self.mlflow_tracking_uri).rstrip("/")
        return f"{base}/#/models/{use_case}/versions/{version}"

    @classmethod
    def load(cls) -> "Settings":
        """Read the environment, then `sixgate.env` in the home that the environment names."""
        home = cls().home
        return cls(_env_file=home / ENV_FILE)
