"""`sixgate housekeeping`: the daily maintenance of the database, which a DAG runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import typer

from pipelines.cli.options import JsonOption

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.settings import Settings
    from pipelines.stores.retention import RetentionStore

HELP = """Maintain the database.

The DAG `housekeeping` does the same every day, for all use cases.

Example:
  sixgate housekeeping retention
"""

app = typer.Typer(no_args_is_help=True, help=HELP)


@app.command()
def retention(as_json: JsonOption = False) -> None:
    """Delete rows whose retention has passed, for each use case by its own policy.

    A use case without a folder, or without a policy that can be read, keeps
    its rows for 400 days, the default. Labels, decisions and the ledger are
    never deleted.

    Example:
      sixgate housekeeping retention --json
    """
    from pipelines.housekeeping import delete_expired, read_retentions
    from pipelines.settings import Settings

    settings = Settings.load()
    with _store(settings) as store:
        retained = delete_expired(store, read_retentions(settings), _today())
    if as_json:
        typer.echo(json.dumps(asdict(retained)))
        return
    typer.echo(f"{retained.days} days of the prediction log dropped")
    for use_case, rows in retained.rows.items():
        typer.echo(
            f"{use_case}: deleted {rows.predictions:,} predictions of other days, "
            f"{rows.explanations:,} explanations, {rows.metrics:,} metrics and counts"
        )
    typer.echo(f"{retained.thinned:,} metrics of repeated drift checks deleted")


@contextmanager
def _store(settings: "Settings") -> "Iterator[RetentionStore]":
    from pipelines.stores.database import connect
    from pipelines.stores.retention import RetentionStore

    with connect(settings, autocommit=True) as connection:
        yield RetentionStore(connection)


def _today() -> date:
    return datetime.now(UTC).date()
