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
    """The folder with `dags`, `reference` and `sql`. The default is the source tree."""
    home: Path = ROOT / ".sixgate"
    """The folder of all state: data, logs, secrets, copies of valid policies."""
    database_url: str = "postgresql://sixgate@127.0.0.1:5433/sixgate"
    """PostgreSQL, as the role of the process. `sixgate up` sets it for each process."""
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000",
        validation_alias=AliasChoices("mlflow_tracking_uri", "MLFLOW_TRACKING_URI"),
    )
    """Address of MLflow for programs."""
    mlflow_tracking_username: str = Field(
        "", validation_alias=AliasChoices("mlflow_tracking_username", "MLFLOW_TRACKING_USERNAME")
    )
    """User of MLflow."""
    mlflow_tracking_password: str = Field(
        "",
        repr=False,
        validation_alias=AliasChoices("mlflow_tracking_password", "MLFLOW_TRACKING_PASSWORD"),
    )
    """Password of that user."""
    mlflow_url: str = ""
    """Address of MLflow for browsers, if it differs from that for programs."""
    model_folder: Path | None = None
    """A folder to read models from instead of MLflow: `<use_case>/production` contains a version
    number, `<use_case>/<version>/` its files. For tests and benchmarks. The ledger must still name
    the version."""
    artifacts: Path | None = None
    """The folder of snapshots, datasets, reports and quarantined rows. The default is the folder
    `artifacts` of SIXGATE_HOME."""
    policy_overlay: Path | None = None
    """A file that is laid over every `policy.yaml`, such as `stack/policy.demo.yaml`."""
    use_cases: str = ""
    """Use cases to run, separated by commas. Empty or `all` selects every one."""
    host: str = "127.0.0.1"
    """Address on which the scoring server and MLflow listen."""
    pg_port: int = Field(5433, ge=1, le=65535)
    """Port of PostgreSQL."""
    airflow_port: int = Field(8080, ge=1, le=65535)
    """Port of Airflow."""
    mlflow_port: int = Field(5000, ge=1, le=65535)
    """Port of MLflow."""
    api_port: int = Field(8000, ge=1, le=65535)
    """Port of the scoring server."""
    api_key: str = ""
    """Key with which `sixgate simulate` and the demo call the scoring server. The first start of
    the server stores it as the key `admin`."""
    api_workers: int = Field(1, ge=1, le=64)
    """Processes of the scoring server. Each is a replica with its share of the rate limit."""
    cors_origins: str = ""
    """Origins from which browsers may send requests, separated by commas."""
    rate_limit: str = "50000/second"
    """Rows that a key may send, such as `1000/minute`."""
    journal_sync: Literal["interval", "always", "never"] = "interval"
    """When the journal is written to disk: every 100 ms, before each response, or when the
    operating system decides."""
    journal_bytes: int = Field(2**30, ge=2**20)
    """Limit of the journal on disk. When it is reached, predictions are refused with 503."""

    upload_bytes: int = Field(2**30, ge=2**20)
    """Largest file that may be uploaded to the scoring server to be scored."""
    jobs: Path | None = None
    """The folder of uploaded files and of their results, which the scoring server and the steps
    share. The default is the folder `jobs` of SIXGATE_HOME."""
    files: Path | None = None
    """The folder in which the DAG of batch scoring reads and writes the files of its parameters.
    The default is the folder `files` of SIXGATE_HOME."""

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
    def jobs_root(self) -> Path:
        """The folder of uploaded files and of their results."""
        return self.jobs or self.home / "jobs"

    @property
    def files_root(self) -> Path:
        """The folder of the files that the DAG of batch scoring may be given."""
        return self.files or self.home / "files"

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
