"""`sixgate demo`: run the model lifecycle once, with simulated transactions."""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from pipelines.cli.shared.options import UseCaseOption
from pipelines.errors import SixgateError
from stack.cli.progress import timed_printer

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.settings import Settings


def demo(use_case: UseCaseOption = "fraud") -> None:
    """Run the whole model lifecycle of one use case, with simulated transactions.

    The demo trains and promotes a model, sends it traffic, starts a new
    pattern of positives, waits for the drift alert and the retraining that it
    triggers, and explains predictions. It takes about 4 minutes. The use case
    must not have a model yet; the others stay as they are. It checks the
    result of every step: the exit code is 0 only if all checks passed. The
    stack keeps running.

    Example:
      sixgate demo --use-case credit_risk
    """
    from pipelines.settings import ROOT, Settings
    from pipelines.use_case import require_name
    from stack import lifecycle
    from stack.demo.simulator import profile_of
    from stack.status.report import status
    from stack.status.screen import print_status

    overlay = ROOT / "stack" / "policy.demo.yaml"
    os.environ.setdefault("SIXGATE_POLICY_OVERLAY", str(overlay))
    settings = Settings.load()
    require_name(settings.reference, use_case)
    profile_of(use_case)  # refuses a use case without a simulator before anything starts
    console = Console(width=None if sys.stdout.isatty() else 140)
    policy = settings.policy_overlay or overlay
    console.print(f"policy overlay: {policy}\n[dim]{policy.read_text()}[/]", highlight=False)
    start = time.monotonic()
    started = lifecycle.up(settings, say=timed_printer(console, start))
    if not started:
        _require_overlay(settings)
    _run_demo(Settings.load(), console, start, use_case)
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


def _run_demo(settings: "Settings", console: Console, start: float, use_case: str) -> None:
    """Run the demo and print its decision, the ledger and a table of the steps."""
    from pipelines.reporting.tables import decision_view, ledger_table
    from stack.demo.walkthrough import Demo

    with contextlib.closing(Demo(settings, console, start, use_case)) as walkthrough:
        if walkthrough.ledger():
            raise SixgateError(
                f"the demo needs a use case without models, and {use_case} has one: name another "
                "with --use-case, or run `make clean`, then `make demo` again"
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
