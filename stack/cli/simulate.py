"""`sixgate simulate`: send simulated transactions to the scoring server."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.shared.options import UseCaseOption
from pipelines.errors import SixgateError

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from stack.demo.traffic import Sent, TrafficStream


def drift_kinds(incomplete: str) -> list[str]:
    """Return the kinds of drift that begin with `incomplete`, for the shell's completion."""
    kinds = ("attack", "concept", "covariate", "prior")
    return [kind for kind in kinds if kind.startswith(incomplete)]


def simulate(
    count: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Number of transactions.")
    ] = 5000,
    rate: Annotated[
        float, typer.Option(min=0, help="Transactions per second; 0 is as fast as possible.")
    ] = 200,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            help="covariate, prior, concept or attack; may be repeated.",
            autocompletion=drift_kinds,
        ),
    ] = None,
    use_case: UseCaseOption = "fraud",
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulated world; default: the baseline's.")
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            min=1, max=90, help="Draw transactions from this many whole days up to today."
        ),
    ] = 7,
    coverage: Annotated[
        float, typer.Option(min=0, max=1, help="Share of transactions that get a label.")
    ] = 0.6,
    label_delay: Annotated[
        float, typer.Option(min=0, help="Seconds between a prediction and its label.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Transactions per request.")] = 1,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="Send by event time instead of in random order.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Send simulated transactions and some of their labels to the scoring server.

    Prints how many were answered, by version, labelled, and failed. The kinds
    of drift: `covariate` changes the features, such as by inflation, `prior`
    multiplies the positives, `concept` makes other transactions positive, and
    `attack` is a new pattern of positives that changes features and labels.
    Without --drift the transactions are like those of the baseline.

    Example:
      sixgate simulate --use-case credit_risk --count 2000 --drift attack
    """
    from pipelines.settings import Settings
    from pipelines.use_case import read_contract, require_name
    from stack.demo.traffic import Plan, TrafficStream, draw

    settings = Settings.load()
    require_name(settings.reference, use_case)
    transactions = draw(
        count,
        days=days,
        drift=frozenset(drift or ()),
        seed=seed,
        shuffle=not in_order,
        use_case=use_case,
    )
    plan = Plan(
        rate=rate,
        batch=batch,
        coverage=coverage,
        label_delay=label_delay,
        tag=f"-{int(time.time()):x}",
    )
    traffic = TrafficStream(
        url=settings.api_url,
        api_key=settings.api_key,
        contract=read_contract(settings.reference / use_case),
        transactions=transactions,
        plan=plan,
    )
    sent = _send_with_progress(traffic, len(transactions))
    counts = {
        "answered": sent.answered,
        "labelled": sent.labelled,
        "failed": len(sent.failures),
        "versions": dict(sent.versions),
    }
    text = ", ".join(f"{name} {value}" for name, value in counts.items())
    typer.echo(json.dumps(counts) if as_json else text)
    if sent.failures:
        raise SixgateError(
            f"{len(sent.failures)} requests failed, the first with: {sent.failures[0]}"
        )


def _send_with_progress(traffic: "TrafficStream", total: int) -> "Sent":
    """Send the traffic and show a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("sending", total=total)

        def show(sent: "Sent") -> None:
            text = f"answered, {sent.labelled:,} labelled, {len(sent.failures):,} failed"
            progress.update(bar, completed=sent.answered, description=text)

        return traffic.run(show)
