"""A server and its database."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pipelines.context import Context, context
from pipelines.settings import Settings
from tests.integration.logged import NOW, rewrite
from tests.integration.server import Database, Server, promote


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def wired(database: Database, database_url: str, tmp_path: Path) -> Iterator[Context]:
    """A context on a log that holds nothing, and with nothing counted or found."""
    rewrite(
        database,
        "TRUNCATE prediction_logs, label_store, rollup_watermarks, feature_rollups, score_rollups, quality_counts, monitoring_metrics,"
        " explanations, explanation_watermarks, attribution_rollups,"
        " monitoring_alerts, decision_records CASCADE",
    )
    found = context(Settings(home=tmp_path, database_url=database_url), "fraud", "looking", NOW)
    yield found
    found.close()


@pytest.fixture
def server(tmp_path: Path, database_url: str, database: Database) -> Iterator[Server]:
    """A server that serves version 1, which the ledger names."""
    made_server = Server(tmp_path, database_url)
    promote(made_server, database, 1, bias=-2)
    made_server.start()
    yield made_server
    made_server.end(signal.SIGKILL)
    made_server.client.close()
