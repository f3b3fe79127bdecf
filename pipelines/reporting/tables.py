"""Tables for terminals and logs."""

import io
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.records import Alert, Decision, LedgerEntry, Metric, Prediction
from pipelines.rules.explanation.reason_codes import Reason

WIDE = 180
# Figures that are shown below a check's features.
BELOW = (
    "positive_rate",
    "score_",
    "estimated_",
    "realised_",
    "label_coverage",
    "attribution_",
    "ahead",
)
MARKUP = re.compile(r"[\\`*_\[\]<>|]")
BAR = 16  # characters of the longest bar
STYLES = {"PASS": "green", "FAIL": "red", "INSUFFICIENT": "yellow", "NOT_APPLICABLE": "dim"}


def gate_table(decision: Decision) -> str:
    """A decision's gates and verdict as plain text, for logs."""
    return _plain(decision_view(decision))


def gate_card(decision: Decision) -> str:
    """A decision as Markdown, for the page on which a person approves or rejects it."""
    lines = [
        "| gate | outcome | value | threshold | interval | in words |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(_cells(gate))} |" for gate in decision.gates or []]
    return "\n".join([f"**{_head(decision, markdown)}**", "", *lines, "", _end(decision, markdown)])


def console() -> Console:
    """As wide as the terminal; wide enough not to wrap where there is none. What people wrote is shown as they wrote it."""
    return Console(
        width=None if sys.stdout.isatty() else WIDE, markup=False, emoji=False, highlight=False
    )


def plain(text: str) -> str:
    """One line that shows what it says: control characters, which could steer a terminal or hide text, become ?."""
    return "".join(
        "?" if unicodedata.category(char) in ("Cc", "Cf") else char
        for char in " ".join(text.split())
    )


def markdown(text: str) -> str:
    """A line of text that is no markup."""
    return MARKUP.sub(r"\\\g<0>", plain(text))


def decision_view(decision: Decision) -> list[Table | Text]:
    """A decision for people: who against whom, each gate with value, threshold, interval and outcome, the verdict."""
    table = Table(
        "gate", "outcome", "value", "threshold", "interval", "in words", box=None, pad_edge=False
    )
    for gate in decision.gates or []:
        name, outcome, *rest = _cells(gate)
        table.add_row(name, Text(outcome, style=STYLES.get(outcome, "")), *rest)
    head, end = Text(_head(decision)), Text(_end(decision))
    return [head, table, end] if decision.gates else [head, end]


def drift_text(figures: Sequence[Metric], version: int) -> str:
    """A check's figures as plain text, for logs; `version` is of the comparison that alerts follow."""
    return _plain(drift_view(figures, version))


def explanation_view(
    prediction: Prediction, base_value: float, reasons: Sequence[Reason]
) -> list[Table | Text]:
    """Why a score is what it is: a bar for each feature, to the right where it raises the score, else to the left."""
    verdict = "flagged" if prediction.predicted_label else "not flagged"
    when = f"{prediction.scored_at:%Y-%m-%d %H:%M:%S} UTC"
    head = Text(
        f"prediction {prediction.prediction_id}, transaction {prediction.transaction_id}, {when}\n"
        f"version {prediction.model_version} scored {prediction.score:.4f}: {verdict}, threshold {prediction.threshold:.4f}\n"
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left", "right", "left"):
        table.add_column(justify=justify, overflow="fold")
    most = max((abs(r.contribution) for r in reasons), default=0.0) or 1.0
    for r in reasons:
        bar = "█" * round(BAR * abs(r.contribution) / most) or "▏"
        lowers, raises = (bar, "") if r.contribution < 0 else ("", bar)
        table.add_row(
            r.feature,
            _value(r.value),
            Text(lowers, style="blue"),
            Text(raises, style="red"),
            f"{r.contribution:+.4f}",
            r.words,
        )
    total = base_value + sum(r.contribution for r in reasons)
    end = Text(
        f"\nbase value {base_value:+.4f}, all together {total:+.4f} in log-odds: a score of {prediction.score:.4f}"
    )
    return [head, table, end]


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, bool | str) else f"{value:,.6g}"


def drift_view(figures: Sequence[Metric], version: int) -> list[Table | Text]:
    """A check for people: each feature against both references, the ones that moved most first; then scores and performance.

    All statistics but PSI are of the comparison that alerts follow, with what `version` was trained on or with the baseline, 0.
    """
    shares = {m.model_version: m for m in figures if m.metric == "drift_share"}
    if not shares:
        return [Text("nothing was measured")]
    window = shares[0]
    head = Text(
        f"{window.window_start:%Y-%m-%d %H:%M} to {window.window_end:%Y-%m-%d %H:%M} UTC: {window.n:,} predictions"
    )
    if window.value is None:
        return [head, Text("too few predictions to compare")]
    parts: list[Table | Text] = [head, _features(figures, version)]
    for of, share in sorted(shares.items()):
        against = f"against what version {of} was trained on" if of else "against the baseline"
        weighted = next(
            (
                m.value
                for m in figures
                if m.metric == "importance_drift_share" and m.model_version == of
            ),
            None,
        )
        held = f", which hold {weighted:.0%} of the importance" if weighted is not None else ""
        parts.append(Text(f"{share.value or 0:.0%} of the features drifted {against}{held}"))
    rest = Table(
        "scores and performance",
        "version",
        "value",
        "interval",
        "floor",
        "n",
        box=None,
        pad_edge=False,
    )
    for m in figures:
        if not m.feature and m.metric.startswith(BELOW):
            interval = f"{_number(m.low)} … {_number(m.high)}" if m.low is not None else "-"
            floor = _number(m.threshold) if m.metric.startswith("realised_") else "-"
            rest.add_row(
                m.metric, str(m.model_version or "-"), _number(m.value), interval, floor, f"{m.n:,}"
            )
    return [*parts, rest] if rest.row_count else parts


def _features(figures: Sequence[Metric], version: int) -> Table:
    found = {(m.feature, m.metric, m.model_version): m for m in figures if m.feature}
    versions = sorted({version for _, _, version in found})
    columns = [f"{'version ' + str(v) if v else 'baseline'}: PSI" for v in versions]
    extra = ("p adjusted", "Jensen-Shannon", "Wasserstein", "missing", "outside")
    table = Table(
        "feature",
        *(part for name in columns for part in (name, "no drift")),
        *extra,
        "",
        box=None,
        pad_edge=False,
    )
    compared = {name for name, metric, _ in found if metric == "psi"}
    names = sorted(
        compared, key=lambda name: found[name, "psi", version].value or 0.0, reverse=True
    )
    for name in names:
        of = {metric: found[name, metric, version] for metric in
              ("chi_square", "jensen_shannon", "wasserstein", "missing", "outside", "drifted")}  # fmt: skip
        psi = [found[name, "psi", of_version] for of_version in versions]
        mark = Text("drifted", style="red") if of["drifted"].value else Text("")
        p_value = of["chi_square"].p_value
        table.add_row(
            name, *(text for m in psi for text in (_number(m.value), _number(m.expected))),
            "-" if p_value is None else f"{p_value:.2g}", *(_number(of[metric].value) for metric in
            ("jensen_shannon", "wasserstein", "missing", "outside")), mark,
        )  # fmt: skip
    return table


def alerts_table(alerts: list[Alert]) -> Table:
    """Alerts for people, newest first."""
    table = Table(
        "id", "opened", "severity", "state", "cause", "what", "by", box=None, pad_edge=False
    )
    for alert in alerts:
        said = plain(
            f"{alert.acknowledged_by}: {alert.comment}"
            if alert.comment
            else (alert.acknowledged_by or "-")
        )
        table.add_row(
            str(alert.id),
            f"{alert.opened_at:%Y-%m-%d %H:%M}",
            alert.severity,
            alert.state,
            alert.cause,
            plain(alert.message),
            said,
        )
    return table


def _plain(parts: Sequence[Table | Text]) -> str:
    text = io.StringIO()
    console = Console(file=text, width=WIDE, no_color=True, markup=False, emoji=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _head(decision: Decision, shown: Callable[[str], str] = plain) -> str:
    opened = f"opened {decision.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    parts = [f"decision {decision.id}", decision.use_case, decision.trigger, opened]
    if decision.challenger_version:
        champion = (
            f"champion version {decision.champion_version}"
            if decision.champion_version
            else "no champion"
        )
        parts.append(f"challenger version {decision.challenger_version} against {champion}")
        parts.append(f"evidence {decision.evidence_source}")
    if decision.requested_by:
        parts.append(f"asked for by {shown(decision.requested_by)}")
    if decision.request_reason:
        parts.append(f"because: {shown(decision.request_reason)}")
    return " · ".join(parts)


def _end(decision: Decision, shown: Callable[[str], str] = plain) -> str:
    verdict = f"verdict: {decision.verdict or 'none'} ({shown(decision.reason or 'the run has not decided yet')})"
    warnings = [f"data: {warning}" for warning in (decision.dataset or {}).get("warnings", [])]
    return "\n".join(
        [verdict, *warnings, *([_review(decision, shown)] if decision.reviewer else [])]
    )


def _review(decision: Decision, shown: Callable[[str], str]) -> str:
    comment = f": {shown(decision.review_comment)}" if decision.review_comment else ""
    return f"reviewed by {shown(decision.reviewer or '')}{comment}"


def _cells(gate: dict[str, Any]) -> list[str]:
    """Name, outcome, value, threshold, interval and reason of a gate, as text."""
    low, high = _number(gate.get("low")), _number(gate.get("high"))
    interval = f"{low} … {high}" if low != "-" or high != "-" else "-"
    return [
        gate["name"],
        gate["outcome"],
        _number(gate.get("observed")),
        _number(gate["threshold"]),
        interval,
        gate["reason"],
    ]


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:,.0f}"
        if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1)
        else f"{value:.4f}"
    )


def ledger_table(entries: list[LedgerEntry]) -> Table:
    """Ledger entries for people, newest first."""
    table = Table(
        "at",
        "action",
        "state",
        "from",
        "to",
        "digest",
        "decision",
        "actor",
        "reason",
        box=None,
        pad_edge=False,
    )
    for entry in entries:
        table.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.state, str(entry.from_version or "-"), str(entry.to_version),
            entry.to_digest[:12], str(entry.decision_id or "-"), plain(entry.actor), plain(entry.reason),
        )  # fmt: skip
    return table
