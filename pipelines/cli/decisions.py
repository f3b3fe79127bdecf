"""What `sixgate` shows: decisions and the ledger, for people and as JSON."""

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.errors import SixgateError
from pipelines.settings import Settings

UseCaseOption = Annotated[str, typer.Option("--use-case", "-u", help="A folder in reference/.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def decisions(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID | replay ID]", help="One decision, whole; or judge it again."),
    ] = None,
    use_case: UseCaseOption = "fraud",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show gate decisions: each gate with value, threshold, interval and outcome, and the verdict with its reason.

    `decisions replay ID` judges a decision's evidence again, by the policy it was made under, and says what differs from the
    record; exit code 1 when something does. It writes nothing.
    """
    from pipelines.reporting.tables import console, decision_view
    from pipelines.stores.database import connect
    from pipelines.stores.decisions import DecisionStore
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    again, decision = _which(which or [])
    if again and decision is not None:
        _replay(settings, use_case, decision, as_json=as_json)
        return
    with connect(settings) as connection:
        store = DecisionStore(connection)
        found = (
            [store.get(use_case, decision)]
            if decision is not None
            else store.recent(use_case, limit=limit)
        )
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2))
        return
    for one in reversed(found):
        console().print(*decision_view(one), sep="\n", end="\n\n")
    if not found:
        typer.echo(f"{use_case} has no decision yet: trigger {use_case}_retraining")


def _which(words: list[str]) -> tuple[bool, int | None]:
    """Whether to judge again, and which decision."""
    again = words[:1] == ["replay"]
    rest = words[1:] if again else words
    if (not rest and not again) or (len(rest) == 1 and rest[0].isdecimal()):
        return again, int(rest[0]) if rest else None
    raise SixgateError(
        f"decisions {' '.join(words)!r}: write a decision's number, or `replay` and its number"
    )


def _replay(settings: Settings, use_case: str, decision: int, *, as_json: bool) -> None:
    from pipelines.context import context
    from pipelines.reporting.tables import console, decision_view
    from pipelines.steps.retraining.shadow_evaluate import replay

    wired = context(settings, use_case, "replay", datetime.now(UTC))
    try:
        recorded = wired.decisions.get(use_case, decision)
        found = replay(wired, recorded)
    finally:
        wired.close()
    gates = [result.as_dict() for result in found.results]
    if as_json:
        verdicts = {"recorded": recorded.verdict, "replayed": found.verdict}
        typer.echo(
            json.dumps(
                {
                    "decision": decision,
                    **verdicts,
                    "differences": found.differences,
                    "gates": gates,
                },
                indent=2,
            )
        )
    else:
        shown = replace(recorded, gates=gates, verdict=found.verdict, reason="judged again")
        console().print(*decision_view(shown), sep="\n", end="\n\n")
        typer.echo("\n".join(found.differences) or f"the same as recorded: {recorded.verdict}")
    if found.differences:
        sys.exit(1)


def ledger(
    use_case: UseCaseOption = "fraud",
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many entries, newest first.")
    ] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show who served when: every promotion and rollback, state by state."""
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
