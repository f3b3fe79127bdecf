"""The environments of a home."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.settings import Settings
from stack.home import home_of
from stack.processes.environments import Environments
from stack.processes.postgres import Postgres


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    """The environments of a home, started by a caller with other secrets and settings."""
    monkeypatch.setenv("SIXGATE_API_KEY", "the caller's key")
    monkeypatch.setenv("SIXGATE_DATABASE_URL", "postgresql://the caller's")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "the caller's password")
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", "smtp://user:mail-password@127.0.0.1")
    monkeypatch.setenv("SIXGATE_RATE_LIMIT", "10/second")
    monkeypatch.setenv("GITHUB_TOKEN", "somebody else's")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SIXGATE_USE_CASES", "fraud")
    settings = Settings(
        home=tmp_path / "home", policy_overlay=tmp_path / "an overlay $(touch x) `y`.yaml"
    )
    home = home_of(settings)
    home.prepare()
    postgres = Postgres(binaries=tmp_path, data=tmp_path / "instance" / "postgres", port=5433)
    return Environments(home, home.secrets(), postgres, settings)
