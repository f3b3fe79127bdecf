"""The URL of an Airflow connection, as Airflow writes connections in the environment."""

import json
import sys
from pathlib import Path

import pytest

from pipelines.errors import ParameterError
from pipelines.ingestion.sources.airflow_connection import connection_url

FIELDS = {"conn_type": "postgres", "login": "ann", "password": "p@ss/w", "host": "db", "port": 5433,
          "schema": "loans"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param(
            "postgres://ann:p%40ss@db:5433/loans", "postgresql://ann:p%40ss@db:5433/loans", id="URL"
        ),
        pytest.param(json.dumps(FIELDS), "postgresql://ann:p%40ss%2Fw@db:5433/loans", id="JSON"),
        pytest.param(
            json.dumps({"conn_type": "postgres", "host": "db"}), "postgresql://db/", id="host only"
        ),
        pytest.param("mysql+pymysql://db/x", "mysql+pymysql://db/x", id="another database"),
    ],
)
def test_a_connection_of_the_environment_becomes_a_url(text: str, url: str) -> None:
    assert connection_url("warehouse", {"AIRFLOW_CONN_WAREHOUSE": text}) == url


def test_a_connection_that_is_not_readable_is_named_without_its_content() -> None:
    with pytest.raises(ParameterError, match="AIRFLOW_CONN_WAREHOUSE is neither") as raised:
        connection_url("warehouse", {"AIRFLOW_CONN_WAREHOUSE": "{secret"})
    assert "secret" not in str(raised.value)


def test_airflow_is_asked_for_a_connection_that_the_environment_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = json.dumps([FIELDS])
    airflow = tmp_path / "airflow"
    airflow.write_text(f"#!/bin/sh\necho '[2026-01-01] a message'\necho '{listing}'\n")
    airflow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert connection_url("warehouse", {}) == "postgresql://ann:p%40ss%2Fw@db:5433/loans"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(None, id="no Airflow"),
        pytest.param("echo Connection not found.; exit 1", id="no such connection"),
    ],
)
def test_a_connection_that_nobody_has_is_named_with_what_to_do(
    script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script:
        (tmp_path / "airflow").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "airflow").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ParameterError, match=r"no connection 'warehouse'.*AIRFLOW_CONN_WAREHOUSE"):
        connection_url("warehouse", {})
