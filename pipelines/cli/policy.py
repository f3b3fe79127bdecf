"""`sixgate policy show` and `sixgate check`: what is in force, and what is wrong with the files."""

import json
from typing import Annotated

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption, use_case_names

HELP = """Show the policy of a use case.

The policy has the thresholds of gates and alerts, and when to retrain. Its
keys are described in docs/reference/policy.md.

Example:
  sixgate policy show --changed
"""

app = typer.Typer(no_args_is_help=True, help=HELP)


@app.callback()
def _group() -> None:
    """Keep `show` a command of its own, although it is the only one."""


@app.command()
def show(
    use_case: UseCaseOption = "fraud",
    changed: Annotated[
        bool, typer.Option("--changed", help="Only the keys that differ from their defaults.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show every key of the policy in force: its value, and its default.

    The policy is `policy.yaml` with the overlay and the defaults, as a decision
    stores it. While the file is invalid, it is the last valid policy, and the
    fault is printed to stderr.

    With --changed, the output is a `policy.yaml` that has the same effect.

    Example:
      sixgate policy show --use-case fraud
    """
    import yaml

    from pipelines.reporting.policy_yaml import policy_yaml
    from pipelines.rules.use_case.policy_keys import default_keys
    from pipelines.settings import Settings
    from pipelines.use_case import read_in_force

    settings = Settings.load()
    in_force = read_in_force(
        settings.reference, use_case, settings.policy_overlay, settings.last_valid
    )
    if in_force.warning:
        typer.echo(f"sixgate: {in_force.warning}", err=True)
    text = policy_yaml(in_force.policy, only_changed=changed)
    if as_json:
        document = {"policy": yaml.safe_load(text), "defaults": default_keys(in_force.policy)}
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(text)


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
