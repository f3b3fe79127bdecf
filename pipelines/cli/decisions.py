"""`sixgate decisions list|show|replay`: the gates' results and the verdict of each retraining."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.groups import FORMER, VerbGroup, warn_deprecated
from pipelines.cli.shared.options import JsonOption, LimitOption, UseCaseOption
from pipelines.errors import SixgateError
from pipelines.exit_codes import FAILED

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.records import Decision
    from pipelines.steps.retraining.shadow_evaluate import Replayed

HELP = """Show gate decisions, or replay one.

A decision is the record of one retraining: for each gate the value,
threshold, interval and outcome, then the verdict with its reason.
`sixgate decisions` alone lists the newest ones.

Example:
  sixgate decisions list --limit 1
"""
DecisionId = Annotated[
    int, typer.Argument(metavar="ID", help="Number of the decision, which `list` shows.")
]

app = typer.Typer(cls=VerbGroup, help=HELP)


@app.command("list")
def list_(
    use_case: UseCaseOption = "fraud",
    limit: LimitOption = 5,
    as_json: JsonOption = False,
) -> None:
    """Show the newest decisions.

    The newest is the last on the screen, and the first in the JSON list.

    Example:
      sixgate decisions list --limit 20 --json
    """
    from pipelines.settings import Settings
    from pipelines.stores.database import connect
    from pipelines.stores.decisions import DecisionStore
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        records = DecisionStore(connection).recent(use_case, limit=limit)
    if records or as_json:
        _print(records, as_json=as_json)
    else:
        typer.echo(f"{use_case} has no decision yet: trigger {use_case}_retraining")


@app.command()
def show(
    decision_id: DecisionId,
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Show one decision.

    With --json it is a list of one decision.

    Example:
      sixgate decisions show 7
    """
    from pipelines.settings import Settings
    from pipelines.stores.database import connect
    from pipelines.stores.decisions import DecisionStore
    from pipelines.use_case import require_name

    settings = Settings.load()
    require_name(settings.reference, use_case)
    with connect(settings) as connection:
        decision = DecisionStore(connection).get(use_case, decision_id)
    _print([decision], as_json=as_json)


@app.command()
def replay(
    decision_id: DecisionId,
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Evaluate the gates of a decision again, and list the differences.

    The gates are evaluated on the stored evidence, with the policy stored in
    the decision. Exit code 1 if the results differ from the record. Nothing
    is written.

    Example:
      sixgate decisions replay 7
    """
    from pipelines.context import context
    from pipelines.settings import Settings
    from pipelines.steps.retraining.shadow_evaluate import replay as replay_decision

    now = datetime.now(UTC)
    with closing(context(Settings.load(), use_case, "replay", now)) as step_context:
        recorded = step_context.decisions.get(use_case, decision_id)
        replayed = replay_decision(step_context, recorded)
    if as_json:
        document = _replay_document(recorded, replayed)
        typer.echo(json.dumps(document, indent=2))
    else:
        _print_replay(recorded, replayed)
    if replayed.differences:
        sys.exit(FAILED)


@app.command(FORMER, hidden=True)
def former(
    which: Annotated[list[str] | None, typer.Argument()] = None,
    replayed: Annotated[bool, typer.Option("--replay")] = False,
    use_case: UseCaseOption = "fraud",
    limit: LimitOption = 5,
    as_json: JsonOption = False,
) -> None:
    """Run `list` without a verb; run deprecated spellings of `show` and `replay`."""
    words = which or []
    if not words and not replayed:
        list_(use_case, limit, as_json)
        return
    is_replay = replayed or words[:1] == ["replay"]
    ids = [word for word in words if word != "replay"]
    if len(ids) != 1 or not ids[0].isdecimal():
        raise SixgateError(
            f"decisions {' '.join(words)!r}: write `decisions list`, `decisions show ID` or "
            "`decisions replay ID`, and options after them"
        )
    present = f"decisions {'replay' if is_replay else 'show'} {ids[0]}"
    warn_deprecated(" ".join(["decisions", *words, *["--replay"] * replayed]), present)
    (replay if is_replay else show)(int(ids[0]), use_case, as_json)


def _print(decisions: Sequence["Decision"], *, as_json: bool) -> None:
    from pipelines.reporting.tables import console, decision_view

    if as_json:
        typer.echo(json.dumps([asdict(decision) for decision in decisions], default=str, indent=2))
        return
    for decision in reversed(decisions):
        console().print(*decision_view(decision), sep="\n", end="\n\n")


def _print_replay(recorded: "Decision", replayed: "Replayed") -> None:
    gates = [result.as_dict() for result in replayed.results]
    decision = replace(recorded, gates=gates, verdict=replayed.verdict, reason="replayed")
    _print([decision], as_json=False)
    typer.echo("\n".join(replayed.differences) or f"the same as recorded: {recorded.verdict}")


def _replay_document(recorded: "Decision", replayed: "Replayed") -> dict[str, object]:
    return {
        "decision": recorded.id,
        "recorded": recorded.verdict,
        "replayed": replayed.verdict,
        "differences": replayed.differences,
        "gates": [result.as_dict() for result in replayed.results],
    }
