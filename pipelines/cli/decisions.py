"""`sixgate decisions` and `sixgate ledger`: gate decisions and promotions, as tables or JSON."""

import json
import sys
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.errors import SixgateError
from pipelines.settings import Settings

UseCaseOption = Annotated[
    str, typer.Option("--use-case", "-u", help="Name of the use case, a folder in reference/.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def decisions(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID | replay ID]", help="Show one decision, or replay it."),
    ] = None,
    use_case: UseCaseOption = "fraud",
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many decisions, newest first.")
    ] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show gate decisions, or replay one.

    For each gate: value, threshold, interval and outcome. For each decision:
    the verdict with its reason.

    `decisions replay ID` evaluates the gates again on the stored evidence,
    with the policy stored in the decision, and lists the differences from the
    record. Exit code 1 if there are any. Nothing is written.
    """
    from pipelines.reporting.tables import console, decision_view
    from pipelines.stores.database import connect
    from pipelines.stores.decisions import DecisionStore
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    is_replay, decision_id = _parse_arguments(which or [])
    if is_replay and decision_id is not None:
        _replay(settings, use_case, decision_id, as_json=as_json)
        return
    with connect(settings) as connection:
        store = DecisionStore(connection)
        records = (
            store.recent(use_case, limit=limit)
            if decision_id is None
            else [store.get(use_case, decision_id)]
        )
    if as_json:
        typer.echo(json.dumps([asdict(record) for record in records], default=str, indent=2))
        return
    for record in reversed(records):
        console().print(*decision_view(record), sep="\n", end="\n\n")
    if not records:
        typer.echo(f"{use_case} has no decision yet: trigger {use_case}_retraining")


def _parse_arguments(arguments: list[str]) -> tuple[bool, int | None]:
    """Return whether to replay, and the id of the decision, None when none is named."""
    is_replay = arguments[:1] == ["replay"]
    ids = arguments[1:] if is_replay else arguments
    if not ids and not is_replay:
        return False, None
    if len(ids) == 1 and ids[0].isdecimal():
        return is_replay, int(ids[0])
    raise SixgateError(
        f"decisions {' '.join(arguments)!r}: write a decision's number, or `replay` and its number"
    )


def _replay(settings: Settings, use_case: str, decision_id: int, *, as_json: bool) -> None:
    from pipelines.context import context
    from pipelines.reporting.tables import console, decision_view
    from pipelines.steps.retraining.shadow_evaluate import replay

    with closing(context(settings, use_case, "replay", datetime.now(UTC))) as step_context:
        recorded = step_context.decisions.get(use_case, decision_id)
        replayed = replay(step_context, recorded)
    gates = [result.as_dict() for result in replayed.results]
    if as_json:
        document = {
            "decision": decision_id,
            "recorded": recorded.verdict,
            "replayed": replayed.verdict,
            "differences": replayed.differences,
            "gates": gates,
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        view = replace(recorded, gates=gates, verdict=replayed.verdict, reason="replayed")
        console().print(*decision_view(view), sep="\n", end="\n\n")
        typer.echo("\n".join(replayed.differences) or f"the same as recorded: {recorded.verdict}")
    if replayed.differences:
        sys.exit(1)


def ledger(
    use_case: UseCaseOption = "fraud",
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many entries, newest first.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show the ledger of promotions and rollbacks.

    Each state of a promotion is one entry, with the versions, who requested
    it, the reason and the time.
    """
    from pipelines.reporting.tables import console, ledger_table
    from pipelines.stores.database import connect
    from pipelines.stores.ledger import Ledger
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        entries = Ledger(connection).recent(use_case, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], default=str, indent=2))
    elif entries:
        console().print(ledger_table(entries))
    else:
        typer.echo(f"nothing was promoted in {use_case} yet")
