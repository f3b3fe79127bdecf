"""`sixgate ledger`: promotions and rollbacks."""

import json
from dataclasses import asdict

import typer

from pipelines.cli.shared.options import JsonOption, LimitOption, UseCaseOption


def ledger(
    use_case: UseCaseOption = "fraud",
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Show the ledger of promotions and rollbacks.

    Each state of a promotion is one entry, with the versions, who requested
    it, the reason and the time. The newest entry is the first.

    Example:
      sixgate ledger --use-case fraud
    """
    from pipelines.reporting.tables import console, ledger_table
    from pipelines.settings import Settings
    from pipelines.stores.database import connect
    from pipelines.stores.ledger import Ledger
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        entries = Ledger(connection).recent(use_case, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], default=str, indent=2))
    elif entries:
        console().print(ledger_table(entries))
    else:
        typer.echo(f"nothing was promoted in {use_case} yet")
