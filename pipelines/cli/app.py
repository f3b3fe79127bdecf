"""`sixgate`: the lifecycle of models, from the command line.

Commands read the stack's addresses from the environment, then from `sixgate.env` in SIXGATE_HOME.
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

from pipelines.cli.decisions import JsonOption, UseCaseOption, decisions, ledger
from pipelines.cli.explain import explain
from pipelines.cli.monitoring import alerts, drift, read_moment
from pipelines.errors import PromotionBusy, SixgateError, StepSkipped
from pipelines.settings import Settings
from pipelines.steps import STEPS, is_rollback_step, perform

SKIPPED, REFUSED = 99, 2
# By name, because importing psycopg, httpx and pydantic for their errors would slow every command: a service that does not
# answer, which may be tried again, or a setting that can't be read.
AWAY = (
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
    """Run the console script; what a person can act on is one line, without a traceback."""
    gc.set_threshold(
        100_000, 20, 20
    )  # imports make many objects and no garbage: looking at them again costs half a second
    for entry in entry_points(group="sixgate.commands"):
        entry.load()(app)
    try:
        app()
    except SixgateError as error:
        typer.echo(f"sixgate: {error}", err=True)
        sys.exit(1 if isinstance(error, PromotionBusy) else REFUSED)
    except Exception as error:
        if type(error).__name__ not in AWAY:
            raise
        words = " ".join(str(error).split())
        typer.echo(
            f"sixgate: {words}: see `sixgate status`, and the SIXGATE_ settings in use", err=True
        )
        sys.exit(1)


@app.command()
def step(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(STEPS)}.")],
    use_case: UseCaseOption = "fraud",
    run_id: Annotated[
        str, typer.Option(help="Names the run: the same id twice gives the same result once.")
    ] = "manual",
    as_of: Annotated[
        str | None, typer.Option(help="The run's time, ISO 8601; now when left out.")
    ] = None,
    trigger: Annotated[
        str, typer.Option(help="What started the run: scheduled, asset_triggered or manual.")
    ] = "manual",
    requested_by: Annotated[
        str | None, typer.Option(help="Who asked for the run.", envvar="SIXGATE_STEP_REQUESTED_BY")
    ] = None,
    params: Annotated[
        str, typer.Option(help="The run's params as a JSON object.", envvar="SIXGATE_STEP_PARAMS")
    ] = "{}",
) -> None:
    """Run one step of the lifecycle, as Airflow's tasks do. The last line printed is its result, as JSON.

    Exit codes: 0 done, 99 skipped with a reason, 2 refused with one line that says what to do (trying again would not
    help), anything else failed.
    """
    if name not in STEPS:
        raise SixgateError(f"there is no step {name!r}: use one of {', '.join(STEPS)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    code, result = _run_step(
        name, use_case, run_id, read_moment(as_of), trigger, requested_by, _object(params)
    )
    sys.stderr.flush()
    typer.echo(json.dumps(result, default=str))
    sys.stdout.flush()
    gc.freeze()  # the process ends: the interpreter's last look for garbage would take most of a second
    sys.exit(code)


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="Labelled history: .csv, .csv.gz or .parquet.")],
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Take in labelled history as a snapshot to train on; rows that break the contract go to a quarantine file."""
    from rich.console import Console

    from pipelines.ingestion import ingest as take_in
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with Console(stderr=True).status("reading …") as status:
        found = take_in(
            file, read_contract(settings.reference / use_case), Artifacts.of(settings, use_case),
            progress=lambda n: status.update(f"{n:,} rows"),
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str))
        return
    typer.echo(f"snapshot {found.snapshot}: {found.rows:,} rows")
    if found.quarantined:
        typer.echo(
            f"{found.quarantined:,} rows are in quarantine, with reasons: {found.quarantine}"
        )
        for reason, n in found.reasons.items():
            typer.echo(f"  {n:>9,}  {reason}")
    typer.echo(f'train on it: run {use_case}_retraining with {{"snapshot": "{found.snapshot}"}}')


app.command()(decisions)
app.command()(ledger)
app.command()(drift)
app.command()(alerts)
app.command()(explain)


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Kept in the ledger.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="To go back to; the last good one when left out.")
    ] = None,
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Make a former Production model Production again: checked, proven, swapped, acknowledged by every replica.

    The same steps as the DAG `<use case>_rollback`, without Airflow. Whatever was Production and was not taken away may serve.
    """
    import getpass
    from uuid import uuid4

    if not reason.strip():
        raise SixgateError("--reason is empty: say why, it is kept in the ledger")
    run_id = f"rollback-{uuid4()}"
    begun = datetime.now(UTC)
    person = getpass.getuser()

    def run(name: str, **params: Any) -> dict[str, Any]:
        return _run_step(name, use_case, run_id, begun, "manual", person, params)[1]

    chosen = run("select_rollback", version=version, reason=reason)
    tried = run("final_validation", version=chosen["version"])
    result = chosen | tried | run("promote", **chosen)
    if as_json:
        typer.echo(json.dumps({"use_case": use_case, **result}, default=str))
    else:
        change = f"version {result['from_version']} → {result['version']}"
        typer.echo(f"{use_case}: {change}: {result['replicas']}")


def _run_step(
    name: str,
    use_case: str,
    run_id: str,
    as_of: datetime,
    trigger: str,
    requested_by: str | None,
    params: dict[str, Any],
) -> tuple[int, dict[str, Any]]:
    from pipelines.context import context, rollback_context

    wire = rollback_context if is_rollback_step(name, params) else context
    wired = wire(
        Settings.load(),
        use_case,
        run_id,
        as_of,
        trigger=trigger,
        requested_by=requested_by or None,
        params=params,
    )
    try:
        return 0, perform(name, wired)
    except StepSkipped as reason:
        return SKIPPED, {"skipped": str(reason)}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SixgateError(
            f'--params {text!r} is not JSON ({error}): write an object, as {{"force": true}}'
        ) from error
    if not isinstance(found, dict):
        raise SixgateError(f'--params {text!r} is not an object: write one, as {{"force": true}}')
    return found
