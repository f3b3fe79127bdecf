"""`sixgate ingest`: import labelled history."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.shared.csv_flags import (
    DateFormatOption,
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    HeaderOption,
    ThousandsOption,
    csv_format,
)
from pipelines.cli.shared.options import JsonOption, UseCaseOption
from pipelines.exit_codes import TOO_MANY_REFUSED

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.ingestion import Ingested
    from pipelines.rules.use_case.contract import Contract
    from pipelines.rules.use_case.csv_format import CsvFormat

SQL = "Databases"
MOST_REASONS = 20


def ingest(
    file: Annotated[
        Path | None,
        typer.Argument(help="Labelled history: .csv, .tsv, .parquet, .feather, .xlsx, …"),
    ] = None,
    use_case: UseCaseOption = "fraud",
    query: Annotated[
        str, typer.Option(help="Import its rows, as in 'SELECT * FROM loans'.", rich_help_panel=SQL)
    ] = "",
    connection: Annotated[
        str,
        typer.Option(
            help="URL of the database, or the id of an Airflow connection.",
            envvar="SIXGATE_INGEST_CONNECTION",
            rich_help_panel=SQL,
        ),
    ] = "",
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    encoding: EncodingOption = None,
    date_format: DateFormatOption = None,
    header: HeaderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import labelled history as a snapshot to train on.

    Rows that break the contract go to a quarantine file with the reason.
    Prints the id of the snapshot. To train on it, trigger the DAG
    `<use case>_retraining` with the id as the parameter `snapshot`.

    If more rows are refused than the policy's `validation.quarantine_share`,
    no snapshot is stored, and the exit code is 4.

    Example:
      sixgate ingest history.csv.gz --use-case loans --decimal ,
    """
    from rich.console import Console

    from pipelines import ingestion
    from pipelines.settings import Settings
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, read_policy, require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    folder = settings.reference / use_case
    contract = read_contract(folder)
    policy = read_policy(folder, settings.policy_overlay)
    csv = csv_format(
        contract,
        delimiter=delimiter,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        date_format=date_format,
        header=header,
    )
    source = _source(file, query, connection, contract, csv)
    with Console(stderr=True).status("reading …") as status:
        try:
            ingested = ingestion.ingest_from(
                source,
                contract,
                Artifacts.of(settings, use_case),
                quarantine_share=policy.validation.quarantine_share,
                progress=lambda rows: status.update(f"{rows:,} rows"),
            )
        except ingestion.TooManyRefused as refused:
            ingested = refused.ingested
    if as_json:
        typer.echo(json.dumps(_document(ingested), default=str))
    else:
        _print(ingested, use_case)
    if not ingested.snapshot:
        limit = f"{policy.validation.quarantine_share:.1%}"
        typer.echo(f"sixgate: {_no_snapshot(ingested, limit)}", err=True)
        raise typer.Exit(TOO_MANY_REFUSED)


def _source(
    file: Path | None, query: str, connection: str, contract: "Contract", csv: "CsvFormat"
) -> Any:
    """Return the source that the arguments name; ParameterError when they name none or two."""
    from pipelines.errors import ParameterError
    from pipelines.ingestion.sources.formats import open_file

    if query and file is not None:
        raise ParameterError(f"{file} and --query are two sources: name one of them")
    if query:
        from pipelines.ingestion.sources.query_source import open_query

        return open_query(query, connection, contract)
    if file is None:
        raise ParameterError("nothing to import: name a file, or --query and --connection")
    return open_file(file, contract, csv)


def _document(ingested: "Ingested") -> dict[str, Any]:
    document = asdict(ingested)
    for entry, refusal in zip(document["refusals"], ingested.refusals, strict=True):
        entry["message"] = refusal.message
    return document


def _print(ingested: "Ingested", use_case: str) -> None:
    if ingested.snapshot:
        typer.echo(f"snapshot {ingested.snapshot}: {ingested.rows:,} rows")
    if ingested.unlabelled:
        typer.echo(f"{ingested.unlabelled:,} rows are not labelled yet and were left out")
    for treatment, values in ingested.treated.items():
        typer.echo(f"  {values:>9,}  {treatment}")
    if ingested.quarantined:
        count = f"{ingested.quarantined:,}"
        typer.echo(f"{count} rows are in quarantine, with reasons: {ingested.quarantine}")
        _print_refusals(ingested)
    for warning in ingested.warnings:
        typer.echo(f"warning: {warning}")
    if ingested.snapshot:
        params = json.dumps({"snapshot": ingested.snapshot})
        typer.echo(f"train on it: run {use_case}_retraining with {params}")


def _print_refusals(ingested: "Ingested") -> None:
    for refusal in ingested.refusals[:MOST_REASONS]:
        typer.echo(f"  {refusal.message}")
        for sample in refusal.samples:
            typer.echo(f"      {ingested.unit} {sample.number:,}: {sample.value[:80]!r}")
    others = len(ingested.refusals) - MOST_REASONS
    if others > 0:
        typer.echo(f"  and {others:,} other reasons: see the quarantine or --json")


def _no_snapshot(ingested: "Ingested", limit: str) -> str:
    rows = ingested.rows + ingested.quarantined
    return (
        f"{ingested.quarantined:,} of {rows:,} rows were refused, and the policy's "
        f"`validation.quarantine_share` allows {limit}: no snapshot was stored; correct the data "
        "or the contract as shown, or raise the limit, and ingest again"
    )
