"""Tables of decisions, ledger entries, alerts and explanations, for terminals and logs."""

import io
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.records import Alert, Decision, LedgerEntry, Prediction, Snapshot
from pipelines.rules.explanation.reason_codes import Reason

WIDE = 180
MARKUP = re.compile(r"[\\`*_\[\]<>|]")
BAR_WIDTH = 16  # characters of the longest bar
STYLES = {"PASS": "green", "FAIL": "red", "INSUFFICIENT": "yellow", "NOT_APPLICABLE": "dim"}

Escape = Callable[[str], str]


def gate_table(decision: Decision) -> str:
    """A decision's gates and verdict as plain text, for logs."""
    return as_text(decision_view(decision))


def gate_card(decision: Decision) -> str:
    """A decision as Markdown, for the page on which a person approves or rejects it."""
    head = _decision_head(decision, markdown)
    lines = [
        f"**{head}**",
        "",
        "| gate | outcome | value | threshold | interval | reason |",
        "|---|---|---|---|---|---|",
    ]
    for gate in decision.gates or []:
        cells = " | ".join(_gate_cells(gate))
        lines.append(f"| {cells} |")
    verdict, *warnings = _decision_end(decision, markdown).splitlines()
    lines += ["", verdict, "", *(f"- {warning}" for warning in warnings)]
    return "\n".join(lines).rstrip()


def console() -> Console:
    """A console as wide as the terminal, or WIDE without one; it does not interpret markup."""
    return Console(
        width=None if sys.stdout.isatty() else WIDE,
        markup=False,
        emoji=False,
        highlight=False,
    )


def plain(text: str) -> str:
    """The text on one line, with control characters as ?.

    These could steer a terminal or hide text.
    """
    line = " ".join(text.split())
    return "".join(_visible(char) for char in line)


def markdown(text: str) -> str:
    """The text on one line, with Markdown's special characters escaped."""
    return MARKUP.sub(r"\\\g<0>", plain(text))


def decision_view(decision: Decision) -> list[Table | Text]:
    """A decision for people: the models compared, each gate's result, and the verdict."""
    head = Text(_decision_head(decision))
    end = Text(_decision_end(decision))
    if not decision.gates:
        return [head, end]
    table = new_table("gate", "outcome", "value", "threshold", "interval", "reason")
    for gate in decision.gates:
        name, outcome, *rest = _gate_cells(gate)
        style = STYLES.get(outcome, "")
        table.add_row(name, Text(outcome, style=style), *rest)
    return [head, table, end]


def explanation_view(
    prediction: Prediction, base_value: float, reasons: Sequence[Reason]
) -> list[Table | Text]:
    """A bar for each feature: to the right where it raises the score, otherwise to the left."""
    total = base_value + sum(reason.contribution for reason in reasons)
    end = Text(
        f"\nbase value {base_value:+.4f}, sum {total:+.4f} in log-odds: "
        f"a score of {prediction.score:.4f}"
    )
    return [
        _prediction_head(prediction),
        _contribution_table(reasons),
        end,
    ]


def alerts_table(alerts: list[Alert]) -> Table:
    """Alerts for people, newest first."""
    table = new_table(
        "id",
        "opened",
        "severity",
        "state",
        "cause",
        "message",
        "acknowledged by",
    )
    for alert in alerts:
        table.add_row(
            str(alert.id),
            f"{alert.opened_at:%Y-%m-%d %H:%M}",
            alert.severity,
            alert.state,
            alert.cause,
            plain(_alert_message(alert)),
            plain(_acknowledgement(alert)),
        )
    return table


def ledger_table(entries: list[LedgerEntry]) -> Table:
    """Ledger entries for people, newest first."""
    table = new_table(
        "at",
        "action",
        "state",
        "from",
        "to",
        "digest",
        "decision",
        "actor",
        "reason",
    )
    for entry in entries:
        table.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.action,
            entry.state,
            str(entry.from_version or "-"),
            str(entry.to_version),
            entry.to_digest[:12],
            str(entry.decision_id or "-"),
            plain(entry.actor),
            plain(entry.reason),
        )
    return table


def snapshot_table(snapshots: Sequence[Snapshot]) -> Table:
    """Snapshots for people, in the given order."""
    table = new_table("snapshot", "ingested", "rows", "quarantined", "file", "used by")
    for snapshot in snapshots:
        table.add_row(
            snapshot.id,
            (snapshot.ingested_at or "-")[:16].replace("T", " "),
            "unreadable" if snapshot.rows is None else f"{snapshot.rows:,}",
            "-" if snapshot.quarantined is None else f"{snapshot.quarantined:,}",
            plain(snapshot.file or "-"),
            "\n".join(snapshot.used_by) or "nothing",
        )
    return table


def new_table(*columns: str) -> Table:
    """A table with these columns, as all tables look."""
    return Table(*columns, box=None, pad_edge=False)


def as_text(parts: Sequence[Table | Text]) -> str:
    """Tables and texts as plain text, WIDE characters wide."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=WIDE,
        no_color=True,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part)
    lines = output.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def number(value: Any) -> str:
    """A number with four decimal places, or with none if it is whole; - when unknown."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,.0f}"
    if float(value).is_integer() and abs(value) >= 1:
        return f"{value:,.0f}"
    return f"{value:.4f}"


def _visible(char: str) -> str:
    is_control = unicodedata.category(char) in ("Cc", "Cf")
    return "?" if is_control else char


def _decision_head(decision: Decision, escape: Escape = plain) -> str:
    parts = [
        f"decision {decision.id}",
        decision.use_case,
        decision.trigger,
        f"opened {decision.opened_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if decision.challenger_version:
        version = decision.champion_version
        champion = f"champion version {version}" if version else "no champion"
        parts.append(f"challenger version {decision.challenger_version} against {champion}")
        parts.append(f"evidence {decision.evidence_source}")
    if decision.requested_by:
        parts.append(f"requested by {escape(decision.requested_by)}")
    if decision.request_reason:
        parts.append(f"request reason: {escape(decision.request_reason)}")
    return " · ".join(parts)


def _decision_end(decision: Decision, escape: Escape = plain) -> str:
    verdict = decision.verdict or "none"
    reason = escape(decision.reason or "the run has not decided yet")
    lines = [f"verdict: {verdict} ({reason})"]
    dataset = decision.dataset or {}
    for warning in dataset.get("warnings", []):
        lines.append(f"data: {warning}")
    for note in dataset.get("training", []):
        lines.append(f"training: {note}")
    if decision.reviewer:
        review = f"reviewed by {escape(decision.reviewer)}"
        comment = decision.review_comment
        lines.append(f"{review}: {escape(comment)}" if comment else review)
    return "\n".join(lines)


def _gate_cells(gate: dict[str, Any]) -> list[str]:
    """Name, outcome, value, threshold, interval and reason of a gate, as text."""
    low = number(gate.get("low"))
    high = number(gate.get("high"))
    no_interval = low == high == "-"
    return [
        gate["name"],
        gate["outcome"],
        number(gate.get("observed")),
        number(gate["threshold"]),
        "-" if no_interval else f"{low} … {high}",
        gate["reason"],
    ]


def _prediction_head(prediction: Prediction) -> Text:
    verdict = "flagged" if prediction.predicted_label else "not flagged"
    return Text(
        f"prediction {prediction.prediction_id}, transaction {prediction.transaction_id}, "
        f"{prediction.scored_at:%Y-%m-%d %H:%M:%S} UTC\n"
        f"version {prediction.model_version} scored {prediction.score:.4f}: {verdict}, "
        f"threshold {prediction.threshold:.4f}\n"
    )


def _contribution_table(reasons: Sequence[Reason]) -> Table:
    """Feature, value, bars, contribution and reason, in the order of the reasons."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left", "right", "left"):
        table.add_column(justify=justify, overflow="fold")
    sizes = [abs(reason.contribution) for reason in reasons]
    largest = max(sizes, default=0.0) or 1.0
    for reason, size in zip(reasons, sizes, strict=True):
        length = round(BAR_WIDTH * size / largest)
        bar = "█" * length or "▏"
        lowers = reason.contribution < 0
        table.add_row(
            reason.feature,
            _value(reason.value),
            Text(bar if lowers else "", style="blue"),
            Text("" if lowers else bar, style="red"),
            f"{reason.contribution:+.4f}",
            reason.words,
        )
    return table


def _alert_message(alert: Alert) -> str:
    """What was observed, and why the alert was resolved."""
    if not alert.resolution:
        return alert.message
    return f"{alert.message}. Resolved: {alert.resolution}"


def _acknowledgement(alert: Alert) -> str:
    if alert.comment:
        return f"{alert.acknowledged_by}: {alert.comment}"
    return alert.acknowledged_by or "-"


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,.6g}"
