"""A database that the commands read, with nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from tests.integration.logged import rewrite


@pytest.fixture
def database(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Connection]:
    """A connection to the database that the environment names."""
    monkeypatch.setenv("SIXGATE_DATABASE_URL", database_url)
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    with connect(Settings.load(), autocommit=True) as connection:
        rewrite(connection, "TRUNCATE decision_records, promotions, monitoring_alerts CASCADE")
        yield connection
