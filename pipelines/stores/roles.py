"""The database's roles beside its owner: each process signs in with its own. What each may do is `sql/roles.sql`."""

from typing import Any

import psycopg
from psycopg import sql

from pipelines.settings import ROOT

SERVER, STEPS, PAGES = "sixgate_server", "sixgate_steps", "sixgate_pages"
GRANTS = ROOT / "sql" / "roles.sql"


def grant(connection: psycopg.Connection[Any]) -> bool:
    """State anew what the roles may do, in the caller's transaction; False where the cluster has no such roles."""
    roles = {"server": SERVER, "steps": STEPS, "pages": PAGES}
    query = "SELECT count(*) AS n, current_database() AS name FROM pg_roles WHERE rolname = ANY(%s)"
    row = connection.execute(query, (list(roles.values()),)).fetchone()
    if row is None or row["n"] < len(roles):
        return False
    statements = GRANTS.read_text()
    for name, value in {**roles, "database": row["name"]}.items():
        statements = statements.replace(f":{name}", sql.Identifier(value).as_string(connection))
    connection.execute(statements.encode())
    return True
