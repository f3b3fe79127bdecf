"""The commands `sixgate up`, `down`, `status`, `demo`, `simulate` and `baseline`.

An entry point adds them to the console script `sixgate`.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.errors import SixgateError
from pipelines.settings import ROOT, Settings

if TYPE_CHECKING:
    from stack.demo.traffic import Sent, TrafficStream


def attach(app: typer.Typer) -> None:
    """Add the stack's commands to `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(demo)
    app.command()(simulate)
    app.command()(baseline)


def up() -> None:
    """Start the stack: PostgreSQL, MLflow, Airflow and the scoring server.

    A supervisor restarts processes that exit.
    """
    from stack import lifecycle

    console = Console(stderr=True)
    settings = Settings.load()
    started = lifecycle.up(settings, say=_timed_printer(console, time.monotonic()))
    console.print("the stack is up" if started else "the stack is already up")
    print_status(lifecycle.status(Settings.load()), console)


def _timed_printer(console: Console, start: float) -> Callable[[str], None]:
    """Return a function that prints a line with the seconds since `start`."""

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - start:5.0f} s[/]  {line}")

    return say


def down(
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Also remove all data: databases, models, logs, secrets."),
    ] = False,
) -> None:
    """Stop the stack and keep its data for the next `up`."""
    from stack import lifecycle

    settings = Settings.load()
    ended = lifecycle.down(settings)
    typer.echo(f"stopped {ended} processes" if ended else "nothing was running", err=True)
    if delete:
        removed = lifecycle.delete(settings)
        prefix = "removed the data in" if removed else "there is no data in"
        typer.echo(f"{prefix} {settings.home}", err=True)


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses, health and paths as JSON.")
    ] = False,
) -> None:
    """Show addresses, health, problems and where the credentials are.

    The exit code is 1 while there is a problem. A problem is a part that is not healthy, an invalid
    policy or contract, a DAG that is paused, stale or missing, or a use case without a model in
    Production that every replica serves.
    """
    from stack import lifecycle

    report = lifecycle.status(Settings.load())
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    elif not report["processes"]:
        print_problems(report, Console())
    else:
        print_status(report, Console())
    sys.exit(0 if report["ok"] else 1)


def print_status(report: dict, console: Console) -> None:  # type: ignore[type-arg]
    """Print what `lifecycle.status` returned as a table."""
    labels = {True: "[green]healthy", False: "[red]not answering", None: ""}
    table = Table("part", "address", "health", box=None, pad_edge=False)
    for name, address in report["addresses"].items():
        table.add_row(name, address, labels[report["health"].get(name)])
    console.print(table)
    paths = report["paths"]
    lines = [f"Airflow users and passwords: {paths['airflow_passwords']}"]
    if report["alerts"]:
        alerts = ", ".join(
            f"{alert['severity']} {alert['use_case']} {alert['cause']}"
            for alert in report["alerts"]
        )
        lines.append(f"[yellow]open alerts[/]: {alerts}; see `sixgate alerts`")
    if overlay := report["policy_overlay"]:
        lines.append(f"policy overlay, in force until `up` gets another one: {overlay}")
    lines.append(f"API key and connection URLs: {paths['client_environment']}")
    for line in lines:
        console.print(line, soft_wrap=True)
    print_problems(report, console)


def print_problems(report: dict, console: Console) -> None:  # type: ignore[type-arg]
    """Print each problem as a sentence with its remedy."""
    if report["ok"]:
        console.print("[green]no problems[/]")
        return
    console.print("[red]problems[/]:")
    rows = Table.grid(padding=(0, 1))
    for problem in report["problems"]:
        rows.add_row("-", Text(f"{problem['which']} {problem['what']}: {problem['remedy']}"))
    console.print(rows)


def demo() -> None:
    """Run the whole model lifecycle on a new stack, with simulated card payments.

    The demo trains and promotes a model, sends it traffic, starts a new fraud pattern, waits for
    the drift alert and the retraining that it triggers, and explains predictions. It checks the
    result of every step; the exit code is 0 only if all checks passed. The stack keeps running.
    """
    from stack import lifecycle

    overlay = ROOT / "stack" / "policy.demo.yaml"
    os.environ.setdefault("SIXGATE_POLICY_OVERLAY", str(overlay))
    settings = Settings.load()
    console = Console(width=None if sys.stdout.isatty() else 140)
    policy = settings.policy_overlay or overlay
    console.print(f"policy overlay: {policy}\n[dim]{policy.read_text()}[/]", highlight=False)
    start = time.monotonic()
    started = lifecycle.up(settings, say=_timed_printer(console, start))
    if not started:
        _require_overlay(settings)
    _run_demo(Settings.load(), console, start)
    report = lifecycle.status(Settings.load())
    print_status(report, console)
    if not report["ok"]:
        console.print(
            "All steps of the demo passed, so its exit code is 0. "
            "`sixgate status` lists these problems and exits with 1."
        )


def _require_overlay(settings: Settings) -> None:
    """Refuse a running stack whose policy overlay is not that of `settings`."""
    from stack.home import home_of

    setting = f"SIXGATE_POLICY_OVERLAY={settings.policy_overlay}"
    if setting not in home_of(settings).env_file.read_text():
        raise SixgateError(
            "the stack runs with another policy, whose time windows are too long for the demo: "
            "run `make down`, then `make demo` again"
        )


def _run_demo(settings: Settings, console: Console, start: float) -> None:
    """Run the demo and print its decision, the ledger and a table of the steps."""
    from pipelines.reporting.tables import decision_view, ledger_table
    from stack.demo.walkthrough import Demo

    with contextlib.closing(Demo(settings, console, start)) as walkthrough:
        if walkthrough.ledger():
            raise SixgateError(
                "the demo needs a stack without models, and this one has promoted one: "
                "run `make clean`, then `make demo` again"
            )
        walkthrough.run()
    parts = (
        *decision_view(walkthrough.newest_decision()),
        "",
        ledger_table(walkthrough.ledger()),
        "",
        walkthrough.log.table(),
    )
    console.print("", *parts, "", sep="\n")


def simulate(
    count: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Number of transactions.")
    ] = 5000,
    rate: Annotated[
        float, typer.Option(min=0, help="Transactions per second; 0 is as fast as possible.")
    ] = 200,
    drift: Annotated[
        list[str] | None, typer.Option(help="covariate, prior, concept or attack; may be repeated.")
    ] = None,
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
    """Send simulated card transactions and some of their labels to the scoring server."""
    from pipelines.use_case import read_contract
    from stack.demo.traffic import Plan, TrafficStream, draw

    settings = Settings.load()
    transactions = draw(
        count,
        days=days,
        drift=frozenset(drift or ()),
        seed=seed,
        shuffle=not in_order,
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
        contract=read_contract(settings.reference / "fraud"),
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


def baseline(
    use_case: Annotated[
        str, typer.Option("--use-case", "-u", help="A folder in reference/.")
    ] = "fraud",
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="An ingested snapshot to draw from; default: the seeded simulator (fraud only).",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write into; default: the use case's folder, "
            "or a new folder in it if it has a baseline."
        ),
    ] = None,
) -> None:
    """Write a sample and its profile as the baseline that drift is measured against.

    An existing baseline is never overwritten.
    """
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, require_name
    from stack.demo.shipped_baselines import freeze, freeze_snapshot

    settings = Settings.load()
    require_name(settings.reference, use_case)
    folder = settings.reference / use_case
    contract = read_contract(folder)
    target = to or _baseline_folder(folder)
    if (target / "manifest.json").exists():
        raise SixgateError(
            f"{target} already has a baseline, and baselines are never changed: "
            "name another folder with --to"
        )
    if snapshot is None and use_case != "fraud":
        raise SixgateError(
            f"only fraud has a simulator: run `sixgate ingest FILE -u {use_case}`, "
            "then name its snapshot with --from"
        )
    table = Artifacts.of(settings, use_case).load("snapshots", snapshot) if snapshot else None
    target.mkdir(parents=True, exist_ok=True)
    manifest = (
        freeze_snapshot(target, contract, table, str(snapshot))
        if table is not None
        else freeze(target, contract)
    )
    typer.echo(f"{manifest.rows:,} rows, sha256 {manifest.sha256[:12]}…: {target}")


def _baseline_folder(folder: Path) -> Path:
    """Return the use case's folder, or a new one below it when it already has a baseline."""
    if not (folder / "manifest.json").exists():
        return folder
    return folder / f"baseline-{datetime.now(UTC):%Y%m%d-%H%M%S}"
