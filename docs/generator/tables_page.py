"""The page of the tables and views, from a migrated database and its comments."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import aiosql
import psycopg
from psycopg.rows import DictRow

from docs.generator.markdown import code, page, table
from docs.generator.schema import ROLES
from pipelines.stores.roles import PAGES, SERVER, STEPS

INTRODUCTION = f"""\
The tables and views of the database `sixgate`. The role `sixgate` owns them and migrates the
schema. Three other roles use them: `{SERVER}` is the scoring server, `{STEPS}` are the steps of the
DAGs and the commands, and `{PAGES}` are the pages in Airflow. Their rights are listed below each
table.

`<use_case>_predictions` is a view of `prediction_logs` for each use case, with one column for each
feature of its contract, by name."""

FILE = Path(__file__).with_name("tables.sql")
queries = aiosql.from_path(FILE, "psycopg", mandatory_parameters=False)


def tables_page(connection: psycopg.Connection[DictRow]) -> str:
    """Write every table and view of a migrated database that has the roles of `sql/roles.sql`.

    Raises LookupError when a table, a view or a column has no comment.
    """
    rights: dict[str, dict[str, list[str]]] = {}
    for row in queries.rights(connection, roles=ROLES):
        of_table = rights.setdefault(row["name"], {})
        of_table.setdefault(row["role"], []).append(_right(row))
    parts: list[str] = []
    columns = queries.columns(connection)
    for name, rows in groupby(columns, key=lambda row: str(row["name"])):
        parts += _table(name, list(rows), rights.get(name, {}))
    return page("Tables", INTRODUCTION, *parts)


def _table(name: str, rows: list[DictRow], rights: dict[str, list[str]]) -> Iterator[str]:
    kind = "view" if rows[0]["is_view"] else "table"
    comment = _required(rows[0]["comment"], f"{kind} {name}")
    yield f"## `{name}`"
    yield f"View: {comment}" if kind == "view" else comment
    yield table(("column", "type", "meaning"), (_column(name, row) for row in rows))
    lines = [f"- {code(role)}: {', '.join(granted)}" for role, granted in rights.items()]
    yield "\n".join(lines)


def _column(name: str, row: DictRow) -> tuple[str, str, str]:
    meaning = _required(row["meaning"], f"column {name}.{row['column']}")
    type_ = f"{row['type']}, or NULL" if row["nullable"] else row["type"]
    return code(row["column"]), type_, meaning


def _right(row: DictRow) -> str:
    columns = ", ".join(code(column) for column in row["columns"])
    return f"{row['privilege']} ({columns})" if columns else str(row["privilege"])


def _required(comment: str | None, thing: str) -> str:
    if not comment:
        raise LookupError(f"{thing} has no comment: add one to sql/comments.sql")
    return comment
