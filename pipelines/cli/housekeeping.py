"""`sixgate housekeeping`: the daily maintenance of the database, which a DAG runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.options import JsonOption
from pipelines.errors import EvidenceError

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.settings import Settings
    from pipelines.stores.retention import RetentionStore

HELP = """Maintain the database and the files.

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
            f"{rows.explanations:,} explanations, {rows.metrics:,} metrics and counts, "
            f"{rows.history:,} imported rows"
        )
    typer.echo(f"{retained.thinned:,} metrics of repeated drift checks deleted")


@app.command()
def audit(
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the files with their manifests instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Export predictions, labels and decisions to the audit trail.

    Writes Parquet files to `audit/`, a folder a day, below SIXGATE_HOME: the
    days until yesterday that are missing, and rows of the last week that came
    late. The manifest of a day has the rows, the SHA-256 and the schema of
    each file, and the contracts of its predictions. Nothing in the audit
    trail is ever changed or deleted. With --verify, exits with 2 when a file
    is missing or has changed.

    Example:
      sixgate housekeeping audit --verify
    """
    from pipelines import audit as trail
    from pipelines.settings import Settings
    from pipelines.stores.database import connect

    settings = Settings.load()
    if verify:
        _print_faults(trail.verify(settings), as_json)
        return
    with connect(settings, autocommit=True) as connection:
        exported = trail.export(settings, connection, _today())
    if as_json:
        typer.echo(json.dumps(asdict(exported)))
        return
    counts = ", ".join(f"{n:,} {table.replace('_', ' ')}" for table, n in exported.rows.items())
    typer.echo(f"{exported.days} days of the audit trail: {counts} exported")


def _print_faults(faults: list[str], as_json: bool) -> None:
    """Print what differs from the manifests; raises EvidenceError unless it is nothing."""
    if as_json:
        typer.echo(json.dumps({"faults": faults}))
    elif not faults:
        typer.echo("every file of the audit trail is as its manifest says")
    if faults:
        raise EvidenceError(
            f"the audit trail differs from its manifests: {'; '.join(faults)}; "
            "restore the files from a backup"
        )


@app.command()
def files(as_json: JsonOption = False) -> None:
    """Delete files whose retention has passed, for each use case by its own policy.

    Deletes snapshots, datasets, quarantined rows, reports, files that were
    uploaded to be scored, and the logs of tasks. Keeps what a registered
    model, an open decision, an approved candidate or the champion uses: see
    `sixgate snapshots`.

    Example:
      sixgate housekeeping files --json
    """
    from pipelines.housekeeping import delete_expired_files, read_retentions
    from pipelines.settings import Settings
    from pipelines.stores.database import connect

    settings = Settings.load()
    with connect(settings, autocommit=True) as connection:
        deleted = delete_expired_files(
            settings, connection, read_retentions(settings), datetime.now(UTC)
        )
    if as_json:
        typer.echo(json.dumps({name: asdict(each) for name, each in deleted.items()}))
        return
    for name, each in deleted.items():
        counts = ", ".join(f"{n:,} {kind}" for kind, n in each.files.items())
        runs = f"{each.jobs:,} scoring jobs, logs of {each.logs:,} runs deleted"
        typer.echo(
            f"{name}: {counts} ({each.bytes:,} bytes), {runs}" if counts else f"{name}: {runs}"
        )


@contextmanager
def _store(settings: "Settings") -> "Iterator[RetentionStore]":
    from pipelines.stores.database import connect
    from pipelines.stores.retention import RetentionStore

    with connect(settings, autocommit=True) as connection:
        yield RetentionStore(connection)


def _today() -> date:
    return datetime.now(UTC).date()
