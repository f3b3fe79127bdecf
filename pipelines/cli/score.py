"""`sixgate score`: score the rows of a file."""

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
    from pipelines.batch_scoring.result import ScoredFile

MOST_REASONS = 20


def score(
    file: Annotated[
        Path, typer.Argument(help="Rows to score: .csv, .tsv, .parquet, .feather, also .gz, .zst.")
    ],
    use_case: UseCaseOption = "fraud",
    version: Annotated[
        str, typer.Option(help="Number of the version, or Production.")
    ] = "Production",
    out: Annotated[
        Path | None, typer.Option(help="The scored file. Default: FILE.scored beside FILE.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="csv or parquet. Default: by --out, or like FILE."),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Log the predictions as those of the server are.")
    ] = False,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    encoding: EncodingOption = None,
    date_format: DateFormatOption = None,
    header: HeaderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the rows of a file, exactly as the scoring server scores them.

    The scored file has all columns of FILE, then score, flagged and
    model_version, and with --log also prediction_id. Rows that break the
    contract go to a quarantine file with the reason. A label is not needed.

    The same file, logged again with the same version, is logged once.

    If more rows are refused than the policy's `validation.quarantine_share`,
    the exit code is 4.

    Example:
      sixgate score payments.csv.gz --out scored.parquet
    """
    from rich.console import Console

    from pipelines.batch_scoring.jobs import score_file
    from pipelines.batch_scoring.result import NoRowScored
    from pipelines.batch_scoring.serving_model import load_model
    from pipelines.settings import Settings
    from pipelines.stores.database import connect
    from pipelines.use_case import read_in_force, require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    number = _version(version)
    in_force = read_in_force(
        settings.reference, use_case, settings.policy_overlay, settings.last_valid
    )
    share = in_force.policy.validation.quarantine_share
    with (
        connect(settings, autocommit=True) as connection,
        Console(stderr=True).status("loading the model …") as status,
    ):
        model = load_model(settings, connection, use_case, number)
        csv = csv_format(
            model.contract,
            delimiter=delimiter,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
            date_format=date_format,
            header=header,
        )
        try:
            scored = score_file(
                settings,
                connection,
                model,
                file,
                csv=csv,
                out=out,
                form=form,
                log=log,
                progress=lambda rows: status.update(f"{rows:,} rows"),
            )
        except NoRowScored as fault:
            scored = fault.scored
    if as_json:
        typer.echo(json.dumps(_document(scored), default=str))
    else:
        _print(scored)
    if scored.out is None or scored.share_refused > share:
        typer.echo(f"sixgate: {_too_many(scored, share)}", err=True)
        raise typer.Exit(TOO_MANY_REFUSED)


def _version(text: str) -> int | None:
    """Return the number of a version; None for the one in Production."""
    from pipelines.errors import ParameterError

    if text.lower() == "production":
        return None
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**31:
        return int(text)
    raise ParameterError(f"--version {text!r} is not a version: give its number, or Production")


def _document(scored: "ScoredFile") -> dict[str, Any]:
    document = asdict(scored)
    for entry, refusal in zip(document["refusals"], scored.refusals, strict=True):
        entry["message"] = refusal.message
    return document


def _print(scored: "ScoredFile") -> None:
    if scored.out is not None:
        flagged = f"{scored.flagged:,} flagged at {scored.threshold:.4g}"
        typer.echo(f"{scored.out}: {scored.rows:,} rows scored, {flagged}")
        typer.echo(f"model version {scored.model_version}")
    if scored.job is not None and scored.logged is not None:
        repeated = scored.rows - scored.logged
        known = f", {repeated:,} were logged before" if repeated else ""
        typer.echo(f"{scored.logged:,} predictions logged{known} (job {scored.job})")
    for treatment, values in scored.treated.items():
        typer.echo(f"  {values:>9,}  {treatment}")
    if scored.refused:
        count = f"{scored.refused:,}"
        typer.echo(f"{count} rows are in quarantine, with reasons: {scored.quarantine}")
        _print_refusals(scored)


def _print_refusals(scored: "ScoredFile") -> None:
    for refusal in scored.refusals[:MOST_REASONS]:
        typer.echo(f"  {refusal.message}")
        for sample in refusal.samples:
            typer.echo(f"      {scored.unit} {sample.number:,}: {sample.value[:80]!r}")
    others = len(scored.refusals) - MOST_REASONS
    if others > 0:
        typer.echo(f"  and {others:,} other reasons: see the quarantine or --json")


def _too_many(scored: "ScoredFile", share: float) -> str:
    rows = scored.rows + scored.refused
    done = "the others were scored" if scored.rows else "no scored file was written"
    return (
        f"{scored.refused:,} of {rows:,} rows were refused, and the policy's "
        f"`validation.quarantine_share` allows {share:.1%}; {done}: correct the data or the "
        "contract as shown, and score the file again"
    )
