"""`sixgate snapshots`: ingested snapshots, where they came from, and what uses them."""

import json
from dataclasses import asdict

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption


def snapshots(use_case: UseCaseOption = "fraud", as_json: JsonOption = False) -> None:
    """List ingested snapshots, where they came from, and what uses them.

    A snapshot that a registered model, an open decision or an approved
    candidate uses is never deleted. Others are deleted after
    `retention.snapshots` of the policy. The oldest is the first.

    Example:
      sixgate snapshots --use-case loans
    """
    from pipelines.reporting.tables import console, snapshot_table
    from pipelines.settings import Settings
    from pipelines.snapshots import list_snapshots
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        listed = list_snapshots(settings, connection, use_case)
    if as_json:
        typer.echo(json.dumps([asdict(snapshot) for snapshot in listed], default=str, indent=2))
    elif listed:
        console().print(snapshot_table(listed))
    else:
        typer.echo(f"{use_case} has no snapshots: import one with `sixgate ingest FILE`")
