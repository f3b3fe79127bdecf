"""Finds the URL of an Airflow connection, without importing Airflow.

A connection is in the environment variable `AIRFLOW_CONN_<ID>`, or `airflow connections get` shows
it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipelines.errors import ParameterError

SCHEMES = {"postgres": "postgresql", "sqlite": "sqlite", "mysql": "mysql", "mssql": "mssql"}
SECONDS = 120


def connection_url(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the URL of a connection; ParameterError, without its content, when there is none."""
    text = environment.get(f"AIRFLOW_CONN_{name.upper()}")
    if not text:
        return _url(_from_airflow(name))
    if not text.lstrip().startswith("{"):
        scheme, _, rest = text.partition("://")
        return f"{SCHEMES.get(scheme, scheme)}://{rest}"
    try:
        return _url(json.loads(text))
    except ValueError:
        raise ParameterError(
            f"AIRFLOW_CONN_{name.upper()} is neither a URL nor JSON: correct it"
        ) from None


def _from_airflow(name: str) -> dict[str, Any]:
    program = Path(sys.executable).parent / "airflow"
    command = [str(program), "connections", "get", name, "--output", "json"]
    unknown = ParameterError(
        f"there is no connection {name!r}: name a URL with ://, set AIRFLOW_CONN_{name.upper()}, "
        "or set AIRFLOW_HOME to the folder of an Airflow that has it"
    )
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        # Other lines are messages of Airflow's.
        lines = [line for line in process.stdout.splitlines() if line.startswith("[{")]
        (connection,) = json.loads("".join(lines))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise unknown from None
    return dict(connection)


def _url(connection: Mapping[str, Any]) -> str:
    kind = str(connection.get("conn_type", ""))
    user = quote(str(connection.get("login") or ""), safe="")
    password = quote(str(connection.get("password") or ""), safe="")
    credentials = f"{user}:{password}@" if user else ""
    port = f":{connection['port']}" if connection.get("port") else ""
    host = connection.get("host") or ""
    database = connection.get("schema") or ""
    return f"{SCHEMES.get(kind, kind)}://{credentials}{host}{port}/{database}"
