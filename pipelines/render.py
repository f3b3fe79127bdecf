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


def gate_card(decision: Decision) -> str:
    """A decision as Markdown, for the page on which a person approves or rejects it."""
    lines = ["| gate | outcome | value | threshold | interval | in words |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(gate))} |" for gate in decision.gates or []]
    return "\n".join([f"**{_head(decision)}**", "", *lines, "", _end(decision)])


def console() -> Console:
    """As wide as the terminal; wide enough not to wrap where there is none."""
    return Console(width=None if sys.stdout.isatty() else WIDE)


def decision_view(decision: Decision) -> list[Table | Text]:
    """A decision for people: who against whom, each gate with value, threshold, interval and outcome, the verdict."""
    table = Table("gate", "outcome", "value", "threshold", "interval", "in words", box=None, pad_edge=False)
    for gate in decision.gates or []:
        name, outcome, *rest = _cells(gate)
        table.add_row(name, Text(outcome, style=STYLES.get(outcome, "")), *rest)
    head, end = Text(_head(decision)), Text(_end(decision))
    return [head, table, end] if decision.gates else [head, end]


def _head(decision: Decision) -> str:
    opened = f"opened {decision.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    parts = [f"decision {decision.id}", decision.use_case, decision.trigger, opened]
    if decision.challenger_version:
        champion = f"champion version {decision.champion_version}" if decision.champion_version else "no champion"
        parts.append(f"challenger version {decision.challenger_version} against {champion}")
        parts.append(f"evidence {decision.evidence_source}")
    if decision.requested_by:
        parts.append(f"asked for by {decision.requested_by}")
    if decision.request_reason:
        parts.append(f"because: {decision.request_reason}")
    return " · ".join(parts)


def _end(decision: Decision) -> str:
    verdict = f"verdict: {decision.verdict or 'none'} ({decision.reason or 'the run has not decided yet'})"
    warnings = [f"data: {warning}" for warning in (decision.dataset or {}).get("warnings", [])]
    return "\n".join([verdict, *warnings, *([_review(decision)] if decision.reviewer else [])])


def _review(decision: Decision) -> str:
    return f"reviewed by {decision.reviewer}" + (f": {decision.review_comment}" if decision.review_comment else "")


def _cells(gate: dict[str, Any]) -> list[str]:
    """Name, outcome, value, threshold, interval and reason of a gate, as text."""
    low, high = _number(gate.get("low")), _number(gate.get("high"))
    interval = f"{low} … {high}" if low != "-" or high != "-" else "-"
    return [gate["name"], gate["outcome"], _number(gate.get("observed")), _number(gate["threshold"]), interval, gate["reason"]]


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
