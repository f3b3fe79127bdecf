"""Tables for terminals and logs."""

import io
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.records import Decision, LedgerEntry

WIDE = 180
STYLES = {"PASS": "green", "FAIL": "red", "INSUFFICIENT": "yellow", "NOT_APPLICABLE": "dim"}


def gate_table(decision: Decision) -> str:
    """A decision's gates and verdict as plain text, for logs."""
    text = io.StringIO()
    console = Console(file=text, width=WIDE, no_color=True)
    for part in decision_view(decision):
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def console() -> Console:
    """As wide as the terminal; wide enough not to wrap where there is none."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def decision_view(decision: Decision) -> list[Table | Text]:
    """A decision for people: who against whom, each gate with value, threshold, interval and outcome, the verdict."""
    parts = [
        f"decision {decision.id}",
        decision.use_case,
        decision.trigger,
        f"opened {decision.opened_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if decision.challenger_version:
        champion = f"champion version {decision.champion_version}" if decision.champion_version else "no champion"
        parts += [
            f"challenger version {decision.challenger_version} against {champion}",
            f"evidence {decision.evidence_source}",
        ]
    head = Text(" · ".join(parts))
    table = Table("gate", "outcome", "value", "threshold", "interval", "in words", box=None, pad_edge=False)
    for gate in decision.gates or []:
        outcome = Text(gate["outcome"], style=STYLES.get(gate["outcome"], ""))
        low, high = _number(gate.get("low")), _number(gate.get("high"))
        interval = f"{low} … {high}" if low != "-" or high != "-" else "-"
        table.add_row(
            gate["name"], outcome, _number(gate.get("observed")), _number(gate["threshold"]), interval, gate["reason"]
        )
    end = Text(f"verdict: {decision.verdict or 'undecided'} ({decision.reason or 'the run has not decided yet'})")
    return [head, table, end] if decision.gates else [head, end]


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1) else f"{value:.4f}"


def ledger_table(entries: list[LedgerEntry]) -> Table:
    """Ledger entries for people, newest first."""
    table = Table("at", "action", "state", "from", "to", "digest", "decision", "actor", "reason", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.state, str(entry.from_version or "-"), str(entry.to_version),
            entry.to_digest[:12], str(entry.decision_id or "-"), entry.actor, entry.reason,
        )  # fmt: skip
    return table
