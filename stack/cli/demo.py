"""`sixgate demo`: run the model lifecycle once, with simulated card payments."""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from pipelines.errors import SixgateError
from stack.cli.progress import timed_printer

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.settings import Settings


def demo() -> None:
    """Run the whole model lifecycle on a new stack, with simulated card payments.

    The demo trains and promotes a model, sends it traffic, starts a new fraud
    pattern, waits for the drift alert and the retraining that it triggers,
    and explains predictions. It takes about 4 minutes, and needs a stack
    without models. It checks the result of every step: the exit code is 0
    only if all checks passed. The stack keeps running.

    Example:
      sixgate demo
    """
    from pipelines.settings import ROOT, Settings
    from stack import lifecycle
    from stack.status.report import status
    from stack.status.screen import print_status

    overlay = ROOT / "stack" / "policy.demo.yaml"
    os.environ.setdefault("SIXGATE_POLICY_OVERLAY", str(overlay))
    settings = Settings.load()
    console = Console(width=None if sys.stdout.isatty() else 140)
    policy = settings.policy_overlay or overlay
    console.print(f"policy overlay: {policy}\n[dim]{policy.read_text()}[/]", highlight=False)
    start = time.monotonic()
    started = lifecycle.up(settings, say=timed_printer(console, start))
    if not started:
        _require_overlay(settings)
    _run_demo(Settings.load(), console, start)
    report = status(Settings.load())
    print_status(report, console)
    if not report["ok"]:
        console.print(
            "All steps of the demo passed, so its exit code is 0. "
            "`sixgate status` lists these problems and exits with 1."
        )


def _require_overlay(settings: "Settings") -> None:
    """Refuse a running stack whose policy overlay is not that of `settings`."""
    from stack.home import home_of

    setting = f"SIXGATE_POLICY_OVERLAY={settings.policy_overlay}"
    if setting not in home_of(settings).env_file.read_text():
        raise SixgateError(
            "the stack runs with another policy, whose time windows are too long for the demo: "
            "run `make down`, then `make demo` again"
        )


def _run_demo(settings: "Settings", console: Console, start: float) -> None:
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
