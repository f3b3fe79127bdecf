"""`sixgate step`: run one step of a DAG, as an Airflow task does."""

import gc
import json
import logging
import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from pipelines.cli.shared.options import UseCaseOption, parse_time
from pipelines.errors import SixgateError, StepSkipped, UseCaseError
from pipelines.exit_codes import OK, SKIPPED
from pipelines.steps import FOLDERS, STEPS, is_rollback_step, perform, report_invalid

NAMES = "\n".join(f"- {folder}: {', '.join(names)}" for folder, names in FOLDERS.items())
HELP = f"""Run one step of a DAG, as its task in Airflow does.

The last line of the output is the result of the step as JSON. Repeating a
step with the same run id is safe.

Exit codes: 0 done, 99 skipped (the result gives the reason), 2 refused
(the message gives the remedy; a retry does not help), any other code failed
(a retry may help).

The steps of each kind of DAG:

{NAMES}

Example:
  sixgate step check_conditions --run-id a-test --params '{{"force": false}}'
"""


def step_names(incomplete: str) -> list[str]:
    """Return the steps whose names begin with `incomplete`, for the shell's completion."""
    return [name for name in STEPS if name.startswith(incomplete)]


def step(
    name: Annotated[
        str, typer.Argument(help="Name of the step, see above.", autocompletion=step_names)
    ],
    use_case: UseCaseOption = "fraud",
    run_id: Annotated[str, typer.Option(help="Id of the run, which its steps share.")] = "manual",
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
    """Run one step and exit with its code; the help is HELP."""
    if name not in STEPS:
        raise SixgateError(f"there is no step {name!r}: use one of {', '.join(STEPS)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("pipelines").setLevel(logging.INFO)
    code, result = run_step(
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


def run_step(
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
    from pipelines.settings import Settings

    make_context = rollback_context if is_rollback_step(name, params) else context
    settings = Settings.load()
    try:
        step_context = make_context(
            settings,
            use_case,
            run_id,
            as_of,
            trigger=trigger,
            requested_by=requested_by or None,
            params=params,
        )
    except UseCaseError as error:
        report_invalid(settings, use_case, error)
        raise
    try:
        return OK, perform(name, step_context)
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
