"""`sixgate up · down · status · demo · simulate`: attached to the console script by an entry point."""

import contextlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.errors import SixgateError
from pipelines.settings import ROOT, Settings


def attach(app: typer.Typer) -> None:
    """Add the stack's commands to `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(demo)
    app.command()(simulate)
    app.command()(baseline)


def up() -> None:
    """Start the stack: PostgreSQL, MLflow, Airflow and the scoring server, under a supervisor that restarts what dies."""
    from stack import lifecycle

    console, begun = Console(stderr=True), time.monotonic()
    settings = Settings.load()
    started = lifecycle.up(
        settings,
        say=lambda line: console.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {line}"),
    )
    console.print("the stack is up" if started else "the stack is already up")
    print_status(lifecycle.status(Settings.load()), console)


def down(
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Also remove all data: databases, models, logs, secrets."),
    ] = False,
) -> None:
    """Stop the stack. Data stays where it is, for the next `up`."""
    from stack import lifecycle

    settings = Settings.load()
    ended = lifecycle.down(settings)
    typer.echo(f"stopped {ended} processes" if ended else "nothing was running", err=True)
    if delete:
        gone = lifecycle.delete(settings)
        typer.echo(
            f"removed the data in {settings.home}"
            if gone
            else f"there is no data in {settings.home}",
            err=True,
        )


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses, health and paths as JSON.")
    ] = False,
) -> None:
    """Show addresses, health, problems and where the credentials are. Exit code 1 while there is a problem.

    A problem is a part that is not healthy, an invalid policy or contract, a DAG that is paused, stale or missing, and a use
    case without a model in Production that every replica serves.
    """
    from stack import lifecycle

    found = lifecycle.status(Settings.load())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found["processes"]:
        print_problems(found, Console())
    else:
        print_status(found, Console())
    sys.exit(0 if found["ok"] else 1)


def print_status(found: dict, console: Console) -> None:  # type: ignore[type-arg]
    """Print what `status` found as a table."""
    table = Table("part", "address", "health", box=None, pad_edge=False)
    for name, address in found["addresses"].items():
        health = found["health"].get(name)
        table.add_row(
            name, address, {True: "[green]healthy", False: "[red]not answering", None: ""}[health]
        )
    console.print(table)
    console.print(
        f"Airflow users and passwords: {found['paths']['airflow_passwords']}", soft_wrap=True
    )
    if open_ := [
        f"{alert['severity']} {alert['use_case']} {alert['cause']}" for alert in found["alerts"]
    ]:
        console.print(
            f"[yellow]open alerts[/]: {', '.join(open_)}; see `sixgate alerts`", soft_wrap=True
        )
    if overlay := found["policy_overlay"]:
        console.print(
            f"policy overlay, in force until `up` is given another: {overlay}", soft_wrap=True
        )
    console.print(
        f"API key and connection URLs: {found['paths']['client_environment']}", soft_wrap=True
    )
    print_problems(found, console)


def print_problems(found: dict, console: Console) -> None:  # type: ignore[type-arg]
    """Print each problem as a sentence with its remedy."""
    if found["ok"]:
        console.print("[green]no problems[/]")
        return
    console.print("[red]problems[/]:")
    rows = Table.grid(padding=(0, 1))
    for problem in found["problems"]:
        rows.add_row("-", Text(f"{problem['which']} {problem['what']}: {problem['remedy']}"))
    console.print(rows)


def demo() -> None:
    """Tell the whole story on a fresh stack: a model is trained, served, attacked, retrained, swapped and explained.

    Every step is asserted; the exit code is 0 only if each was seen to hold. The stack is left running.
    """
    from stack import lifecycle
    from stack.home import home_of

    overlay = ROOT / "stack" / "policy.demo.yaml"
    os.environ.setdefault("SIXGATE_POLICY_OVERLAY", str(overlay))
    settings, console = Settings.load(), Console(width=None if sys.stdout.isatty() else 140)
    shown = settings.policy_overlay or overlay
    console.print(f"policy overlay: {shown}\n[dim]{shown.read_text()}[/]", highlight=False)
    begun = time.monotonic()
    started = lifecycle.up(
        settings,
        say=lambda line: console.print(f"[dim]{time.monotonic() - begun:5.0f} s[/]  {line}"),
    )
    if (
        not started
        and f"SIXGATE_POLICY_OVERLAY={settings.policy_overlay}"
        not in home_of(settings).env_file.read_text()
    ):
        raise SixgateError(
            "the stack runs under another policy, with windows too long for the story: `make down`, then again"
        )
    settings = Settings.load()

    from pipelines.reporting.tables import decision_view, ledger_table
    from stack.demo.walkthrough import Demo

    with contextlib.closing(Demo(settings, console, begun)) as told:
        if told.ledger():
            raise SixgateError(
                "the demo needs a stack without models, and this one has a ledger: `make clean`, then again"
            )
        told.run()
    console.print(
        "",
        *decision_view(told.newest_decision()),
        "",
        ledger_table(told.ledger()),
        "",
        told.story.table(),
        "",
        sep="\n",
    )
    found = lifecycle.status(Settings.load())
    print_status(found, console)
    if not found["ok"]:
        console.print(
            "The story held, so the exit code is 0. `sixgate status` lists these problems and exits with 1."
        )


def simulate(
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many transactions.")] = 5000,
    rate: Annotated[
        float, typer.Option(min=0, help="Transactions per second; 0 is as fast as it goes.")
    ] = 200,
    drift: Annotated[
        list[str] | None, typer.Option(help="covariate, prior, concept or attack; may be repeated.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the simulated world; the baseline's when left out.")
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            min=1, max=90, help="Whole days up to today from which transactions are drawn."
        ),
    ] = 7,
    coverage: Annotated[
        float, typer.Option(min=0, max=1, help="Share of transactions that get a label.")
    ] = 0.6,
    label_delay: Annotated[
        float, typer.Option(min=0, help="Seconds from an answer to its label.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Transactions per request.")] = 1,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="Send by event time instead of in random order.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Send simulated card transactions to the scoring server over HTTP, and post the labels of a part of them."""
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    from pipelines.use_case import read_contract
    from stack.demo.traffic import Plan, Sent, TrafficStream, draw

    settings = Settings.load()
    transactions = draw(
        count, days=days, drift=frozenset(drift or ()), seed=seed, shuffle=not in_order
    )
    plan = Plan(
        rate=rate,
        batch=batch,
        coverage=coverage,
        label_delay=label_delay,
        tag=f"-{int(time.time()):x}",
    )
    traffic = TrafficStream(
        settings.api_url,
        settings.api_key,
        read_contract(settings.reference / "fraud"),
        transactions,
        plan,
    )
    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("sending", total=len(transactions))

        def show(sent: Sent) -> None:
            words = f"answered, {sent.labelled:,} labelled, {len(sent.failures):,} failed"
            progress.update(bar, completed=sent.answered, description=words)

        sent = traffic.run(show)
    counts = {
        "answered": sent.answered,
        "labelled": sent.labelled,
        "failed": len(sent.failures),
        "versions": dict(sent.versions),
    }
    typer.echo(
        json.dumps(counts)
        if as_json
        else ", ".join(f"{name} {value}" for name, value in counts.items())
    )
    if sent.failures:
        raise SixgateError(
            f"{len(sent.failures)} requests failed, the first with: {sent.failures[0]}"
        )


def baseline(
    use_case: Annotated[
        str, typer.Option("--use-case", "-u", help="A folder in reference/.")
    ] = "fraud",
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="An ingested snapshot to draw from; the seeded simulator (fraud only) else.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write into; when left out, the use case's own, or a new one beside its baseline."
        ),
    ] = None,
) -> None:
    """Freeze a sample and its profile as the baseline that drift is measured against. The one in use is never overwritten."""
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, require_name
    from stack.demo.shipped_baselines import freeze, freeze_snapshot

    settings = Settings.load()
    require_name(settings.reference, use_case)
    folder = settings.reference / use_case
    contract = read_contract(folder)
    target = to or (
        folder / f"baseline-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        if (folder / "manifest.json").exists()
        else folder
    )
    if (target / "manifest.json").exists():
        raise SixgateError(
            f"{target} holds a baseline already, and baselines are never changed: name another folder with --to"
        )
    if snapshot is None and use_case != "fraud":
        raise SixgateError(
            f"only fraud has a simulator: `sixgate ingest FILE -u {use_case}`, then name its snapshot with --from"
        )
    table = Artifacts.of(settings, use_case).load("snapshots", snapshot) if snapshot else None
    target.mkdir(parents=True, exist_ok=True)
    manifest = (
        freeze_snapshot(target, contract, table, str(snapshot))
        if table is not None
        else freeze(target, contract)
    )
    typer.echo(f"{manifest.rows:,} rows, sha256 {manifest.sha256[:12]}…: {target}")
