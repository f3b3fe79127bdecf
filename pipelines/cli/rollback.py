"""`sixgate rollback`: return Production to a former version."""

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption
from pipelines.cli.step import run_step
from pipelines.errors import SixgateError


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

    Example:
      sixgate rollback --reason "complaints about declined cards"
    """
    if not reason.strip():
        raise SixgateError("--reason is empty: say why, it is kept in the ledger")
    run_id = f"rollback-{uuid4()}"
    started = datetime.now(UTC)
    user = getpass.getuser()

    def run(name: str, **params: Any) -> dict[str, Any]:
        _, result = run_step(
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
