"""`sixgate contract`: what a change of a contract means, and its application."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption

if TYPE_CHECKING:
    from pipelines.rules.use_case.contract import Contract
    from pipelines.settings import Settings
    from pipelines.stores.contracts import ContractStore

HELP = """Compare, apply and list the contracts of a use case.

A changed `contract.yaml` is applied by running servers within seconds. Its
keys and changes are described in docs/reference/contract.md.

Example:
  sixgate contract diff
"""
POLL = 0.2

app = typer.Typer(no_args_is_help=True, help=HELP)


@app.command()
def diff(
    use_case: UseCaseOption = "fraud",
    against: Annotated[
        str | None,
        typer.Option(
            help="Hash of a contract, or a contract.yaml. By default the contract in force.",
            metavar="HASH|FILE",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the changes of `contract.yaml` mean; nothing is changed.

    For each change: what clients may send, what the champion sees, how a
    challenger is judged, what drift and explanations show, and when the former
    contract ends. The exit code is 2 when a change is refused.

    Example:
      sixgate contract diff --use-case fraud
    """
    from pipelines.exit_codes import REFUSED
    from pipelines.reporting.contract_changes_text import change_document, change_lines
    from pipelines.rules.use_case.contract_changes import changes, refused
    from pipelines.settings import Settings
    from pipelines.use_case import read_contract, require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    new = read_contract(settings.reference / use_case)
    former = _former(settings, use_case, against)
    listed = changes(former, new)
    if as_json:
        documents = [change_document(change) for change in listed]
        hashes = {"former": former.hash, "new": new.hash}
        typer.echo(json.dumps({**hashes, "changes": documents}, indent=2))
    elif listed:
        typer.echo(f"{former.hash} → {new.hash}")
        for line in change_lines(listed):
            typer.echo(line)
    else:
        typer.echo(f"contract.yaml of {use_case} is the contract {former.hash}")
    if refused(listed):
        raise typer.Exit(REFUSED)


@app.command()
def apply(
    use_case: UseCaseOption = "fraud",
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the scoring servers.")
    ] = 30.0,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Take a change that is refused. Only before a model was trained or a row scored.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put `contract.yaml` into force at once, and wait until every server has it.

    Rows of the former contract are accepted until it ends. Nothing is applied
    when the file is invalid or a change is refused.

    Example:
      sixgate contract apply --use-case fraud
    """
    from pipelines.settings import Settings
    from pipelines.stores.contracts import ContractStore
    from pipelines.stores.database import connect
    from pipelines.use_case import keep, read_applicable, read_use_case

    settings = Settings.load()
    if replace:
        read = read_use_case(settings.reference, use_case, settings.policy_overlay)
    else:
        read = read_applicable(
            settings.reference, use_case, settings.policy_overlay, settings.last_valid
        )
    contract = read.contract
    with connect(settings, autocommit=True) as connection:
        store = ContractStore(connection)
        applied = store.replace(contract) if replace else store.apply(contract)
        keep(settings.last_valid, use_case, read.texts)
        store.announce(use_case)
        behind = _wait(store, contract, wait)
    if as_json:
        result = {"contract_hash": contract.hash, "applied": applied, "servers_behind": behind}
        typer.echo(json.dumps(result, indent=2))
    else:
        verb = "is now" if applied else "was already"
        typer.echo(f"contract {contract.hash} {verb} in force for {use_case}")
    if behind:
        _fail(behind, wait)


@app.command("list")
def list_(use_case: UseCaseOption = "fraud", as_json: JsonOption = False) -> None:
    """List the contracts that were applied, the newest first.

    Rows of the current and of the accepted ones are scored. A server that has a
    contract as its current one counts for it, and so do models trained under it.

    Example:
      sixgate contract list --use-case fraud
    """
    from pipelines.reporting.contract_changes_text import versions_table
    from pipelines.reporting.tables import console
    from pipelines.settings import Settings
    from pipelines.stores.contracts import ContractStore
    from pipelines.stores.database import connect
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        versions = ContractStore(connection).versions(use_case)
    if as_json:
        typer.echo(json.dumps([asdict(version) for version in versions], default=str, indent=2))
    elif versions:
        console().print(versions_table(versions))
    else:
        typer.echo(f"no contract of {use_case} was applied yet: run `sixgate contract apply`")


def _former(settings: "Settings", use_case: str, against: str | None) -> "Contract":
    """Return the contract to compare with: by hash, from a file, or the one in force."""
    from pipelines.errors import UseCaseError
    from pipelines.stores.contracts import ContractStore
    from pipelines.stores.database import connect
    from pipelines.use_case import read_contract_file

    if against and Path(against).is_file():
        return read_contract_file(Path(against), use_case)
    with connect(settings) as connection:
        store = ContractStore(connection)
        contract = store.body(against) if against else store.current(use_case)
    if contract is None and against:
        raise UseCaseError(
            f"--against {against!r} is neither a file nor the hash of a contract of {use_case}: "
            f"see `sixgate contract list --use-case {use_case}`"
        )
    if contract is None:
        raise UseCaseError(
            f"no contract of {use_case} is in force yet: run `sixgate contract apply`, or name a "
            "file with --against"
        )
    return contract


def _wait(store: "ContractStore", contract: "Contract", seconds: float) -> list[str]:
    """Wait until every live server has the contract; return the names of those that have not."""
    deadline = time.monotonic() + seconds
    while True:
        behind = store.replicas_behind(contract.use_case, contract.hash)
        if not behind or time.monotonic() >= deadline:
            return behind
        time.sleep(POLL)


def _fail(behind: list[str], seconds: float) -> None:
    from pipelines.errors import StackError

    raise StackError(
        f"after {seconds:g} s these servers have another contract: {', '.join(behind)}: see "
        "`faults` at their /readyz, and whether they read the same folder"
    )
