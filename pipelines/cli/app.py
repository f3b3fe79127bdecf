"""The `sixgate` command: train, evaluate, promote and monitor tabular models.

Commands read the addresses of the stack from the environment, then from
the file `sixgate.env` in SIXGATE_HOME.
"""

import gc
import json
import logging
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import library_settings
from pipelines.cli.decisions import JsonOption, UseCaseOption, decisions, ledger
from pipelines.cli.explain import explain
from pipelines.cli.monitoring import alerts, drift, parse_time
from pipelines.errors import PromotionBusy, SixgateError, StepSkipped
from pipelines.settings import Settings
from pipelines.steps import STEPS, is_rollback_step, perform

SKIPPED = 99
REFUSED = 2
# A service that does not answer, where a retry may help, or an invalid setting. These are names
# because importing psycopg, httpx and pydantic for their error classes would slow every command.
ENVIRONMENT_ERRORS = (
    "OperationalError",
    "ConnectionTimeout",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
    "ValidationError",
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


def main() -> None:
    """Run the console script; an error that the user can resolve prints one line, no traceback."""
    # Imports create many objects and no garbage: collecting meanwhile costs half a second.
    gc.set_threshold(100_000, 20, 20)
    library_settings.apply()
    for entry in entry_points(group="sixgate.commands"):
        entry.load()(app)
    try:
        app()
    except SixgateError as error:
        typer.echo(f"sixgate: {error}", err=True)
        sys.exit(1 if isinstance(error, PromotionBusy) else REFUSED)
    except Exception as error:
        if type(error).__name__ not in ENVIRONMENT_ERRORS:
            raise
        message = " ".join(str(error).split())
        remedy = "run `sixgate status`, and check the SIXGATE_ settings in use"
        typer.echo(f"sixgate: {message}: {remedy}", err=True)
        sys.exit(1)


@app.command()
def step(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(STEPS)}.")],
    use_case: UseCaseOption = "fraud",
    run_id: Annotated[
        str, typer.Option(help="Id of the run. Repeating a step with the same id is safe.")
    ] = "manual",
    as_of: Annotated[
        str | None, typer.Option(help="Time of the run, ISO 8601. Default: now.")
    ] = None,
    trigger: Annotated[
        str, typer.Option(help="What started the run: scheduled, asset_triggered or manual.")
    ] = "manual",
    requested_by: Annotated[
        str | None,
        typer.Option(help="Who requested the run.", envvar="SIXGATE_STEP_REQUESTED_BY"),
    ] = None,
    params: Annotated[
        str,
        typer.Option(help="Parameters of the run, a JSON object.", envvar="SIXGATE_STEP_PARAMS"),
    ] = "{}",
) -> None:
    """Run one step of a pipeline, as an Airflow task does.

    The last line of the output is the result of the step as JSON.

    Exit codes: 0 done, 99 skipped (the result gives the reason),
    2 refused (the message gives the remedy; a retry does not help),
    any other code failed (a retry may help).
    """
    if name not in STEPS:
        raise SixgateError(f"there is no step {name!r}: use one of {', '.join(STEPS)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    code, result = _run_step(
        name,
        use_case,
        run_id=run_id,
        as_of=parse_time(as_of),
        trigger=trigger,
        requested_by=requested_by,
        params=_json_object(params),
    )
    sys.stderr.flush()
    typer.echo(json.dumps(result, default=str))
    sys.stdout.flush()
    # The interpreter collects garbage when it exits, which takes most of a second.
    gc.freeze()
    sys.exit(code)


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="Labelled history: .csv, .csv.gz or .parquet.")],
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Import labelled history as a snapshot to train on.

    Rows that break the contract go to a quarantine file with the reason.
    Prints the snapshot's id, which `<use case>_retraining` takes as a parameter.
    """
    from rich.console import Console

    from pipelines import ingestion
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
        return
    typer.echo(f"snapshot {ingested.snapshot}: {ingested.rows:,} rows")
    if ingested.quarantined:
        count = f"{ingested.quarantined:,}"
        typer.echo(f"{count} rows are in quarantine, with reasons: {ingested.quarantine}")
        for reason, rows in ingested.reasons.items():
            typer.echo(f"  {rows:>9,}  {reason}")
    params = json.dumps({"snapshot": ingested.snapshot})
    typer.echo(f"train on it: run {use_case}_retraining with {params}")


app.command()(decisions)
app.command()(ledger)
app.command()(drift)
app.command()(alerts)
app.command()(explain)


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why you roll back. Stored in the ledger.")],
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Version to roll back to. Default: the last good version."),
    ] = None,
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Roll back Production to a former version.

    Runs the steps of the DAG `<use case>_rollback` without Airflow: selects
    and validates the version, promotes it, and waits until every replica
    serves it. A version that was rolled back, or that replicas could not
    serve, cannot be selected.
    """
    import getpass
    from uuid import uuid4

    if not reason.strip():
        raise SixgateError("--reason is empty: say why, it is kept in the ledger")
    run_id = f"rollback-{uuid4()}"
    started = datetime.now(UTC)
    user = getpass.getuser()

    def run(name: str, **params: Any) -> dict[str, Any]:
        _, result = _run_step(
            name,
            use_case,
            run_id=run_id,
            as_of=started,
            trigger="manual",
            requested_by=user,
            params=params,
        )
        return result

    selected = run("select_rollback", version=version, reason=reason)
    validated = run("final_validation", version=selected["version"])
    promoted = run("promote", **selected)
    result = selected | validated | promoted
    if as_json:
        typer.echo(json.dumps({"use_case": use_case, **result}, default=str))
    else:
        change = f"version {result['from_version']} → {result['version']}"
        typer.echo(f"{use_case}: {change}: {result['replicas']}")


def _run_step(
    name: str,
    use_case: str,
    *,
    run_id: str,
    as_of: datetime,
    trigger: str,
    requested_by: str | None,
    params: dict[str, Any],
) -> tuple[int, dict[str, Any]]:
    """Run a step; return its exit code and its result, or the reason why it was skipped."""
    from pipelines.context import context, rollback_context

    make_context = rollback_context if is_rollback_step(name, params) else context
    step_context = make_context(
        Settings.load(),
        use_case,
        run_id,
        as_of,
        trigger=trigger,
        requested_by=requested_by or None,
        params=params,
    )
    try:
        return 0, perform(name, step_context)
    except StepSkipped as reason:
        return SKIPPED, {"skipped": str(reason)}


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SixgateError(
            f'--params {text!r} is not JSON ({error}): write an object, as {{"force": true}}'
        ) from error
    if not isinstance(document, dict):
        raise SixgateError(f'--params {text!r} is not an object: write one, as {{"force": true}}')
    return document
