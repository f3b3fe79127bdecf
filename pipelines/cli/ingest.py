"""`sixgate ingest`: import labelled history."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.options import JsonOption, UseCaseOption

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.ingestion import Ingested


def ingest(
    file: Annotated[Path, typer.Argument(help="Labelled history: .csv, .csv.gz or .parquet.")],
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Import labelled history as a snapshot to train on.

    Rows that break the contract go to a quarantine file with the reason.
    Prints the id of the snapshot. To train on it, trigger the DAG
    `<use case>_retraining` with the id as the parameter `snapshot`.

    Example:
      sixgate ingest history.csv --use-case loans
    """
    from rich.console import Console

    from pipelines import ingestion
    from pipelines.settings import Settings
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with Console(stderr=True).status("reading …") as status:
        ingested = ingestion.ingest(
            file,
            read_contract(settings.reference / use_case),
            Artifacts.of(settings, use_case),
            progress=lambda rows: status.update(f"{rows:,} rows"),
        )
    if as_json:
        typer.echo(json.dumps(asdict(ingested), default=str))
    else:
        _print(ingested, use_case)


def _print(ingested: "Ingested", use_case: str) -> None:
    typer.echo(f"snapshot {ingested.snapshot}: {ingested.rows:,} rows")
    if ingested.quarantined:
        count = f"{ingested.quarantined:,}"
        typer.echo(f"{count} rows are in quarantine, with reasons: {ingested.quarantine}")
        for reason, rows in ingested.reasons.items():
            typer.echo(f"  {rows:>9,}  {reason}")
    params = json.dumps({"snapshot": ingested.snapshot})
    typer.echo(f"train on it: run {use_case}_retraining with {params}")
