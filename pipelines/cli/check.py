"""`sixgate check`: everything that is wrong with the files of a use case."""

import json
from typing import Annotated

import typer

from pipelines.cli.shared.options import JsonOption, use_case_names


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of the use case, a folder in reference/.",
            autocompletion=use_case_names,
        ),
    ] = "fraud",
    as_json: JsonOption = False,
) -> None:
    """List all that is wrong with a use case's files; nothing is changed.

    Contract and policy, the columns and estimators that the policy names, cron
    lines, and the baseline are checked. Each fault names file, key, value and
    remedy. The exit code is 2 when there is one. No service is needed.

    Example:
      sixgate check loan_default
    """
    from pipelines.exit_codes import REFUSED
    from pipelines.settings import Settings
    from pipelines.stores.use_case_check import faults_of

    settings = Settings.load()
    faults = faults_of(settings.reference, name, settings.policy_overlay)
    if as_json:
        listed = [{"key": fault.key, "message": str(fault)} for fault in faults]
        typer.echo(json.dumps({"use_case": name, "faults": listed}, indent=2))
    elif faults:
        for fault in faults:
            typer.echo(f"- {fault}")
        typer.echo(f"{name}: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}", err=True)
    else:
        typer.echo(f"{name}: contract, policy and baseline are valid")
    if faults:
        raise typer.Exit(REFUSED)
