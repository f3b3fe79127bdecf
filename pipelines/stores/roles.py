"""The database roles of Sixgate's processes; `sql/roles.sql` says what each role may do."""

from typing import Any

import psycopg
from psycopg import sql

from pipelines.settings import ROOT

SERVER = "sixgate_server"
STEPS = "sixgate_steps"
PAGES = "sixgate_pages"
GRANTS = ROOT / "sql" / "roles.sql"
COUNT = "SELECT count(*) AS n, current_database() AS name FROM pg_roles WHERE rolname = ANY(%s)"


def grant(connection: psycopg.Connection[Any]) -> bool:
    """Grant the roles their rights, in the caller's transaction; False if there are no roles."""
    roles = {"server": SERVER, "steps": STEPS, "pages": PAGES}
    row = connection.execute(COUNT, (list(roles.values()),)).fetchone()
    if row is None or row["n"] < len(roles):
        return False
    statements = GRANTS.read_text()
    identifiers = {**roles, "database": row["name"]}
    for name, value in identifiers.items():
        quoted = sql.Identifier(value).as_string(connection)
        statements = statements.replace(f":{name}", quoted)
    connection.execute(statements.encode())
    return True
