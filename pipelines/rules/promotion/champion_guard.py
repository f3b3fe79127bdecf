"""Compares the live performance of a new champion with the decision that promoted it."""

from dataclasses import dataclass
from typing import Any

from pipelines.records import LedgerEntry
from pipelines.rules.monitoring.performance import ScoreCounts, realised
from pipelines.rules.statistics.confidence_intervals import Z999, wilson
from pipelines.rules.use_case.policy import Policy


@dataclass(frozen=True, kw_only=True)
class LivePerformance:
    """The live performance of a champion.

    predictions, flagged: those of the newest window · outcomes: counts of the labelled predictions
    since it serves
    """

    predictions: int
    flagged: float
    outcomes: ScoreCounts


def on_probation(entries: list[LedgerEntry]) -> LedgerEntry | None:
    """Return the promotion whose model is Production, newest entry first.

    None after a rollback and before the first promotion. An attempt that was ROLLED_BACK changes
    nothing: the model that was Production before it is so again, and still on probation.
    """
    for entry in entries:
        if entry.state == "DONE":
            return entry if entry.action == "PROMOTE" else None
    return None


def guard_violations(
    gates: list[dict[str, Any]], live: LivePerformance, policy: Policy
) -> list[str]:
    """Describe how the champion is worse than the decision's gates; an empty list when it is not.

    A metric is worse when the 99.9 % interval of its live value lies wholly beyond its bound in the
    decision.
    """
    by_name = {gate["name"]: gate for gate in gates}
    recall = by_name["recall"]
    violations = [
        _flagged(recall, live, policy),
        _recall(recall, live, policy),
        _roc_auc(by_name["roc_auc"], live, policy),
    ]
    return [violation for violation in violations if violation is not None]


def _flagged(gate: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    """Compare the flagged share, which needs no labels, with the share in the gate's evidence."""
    rows = gate["counts"].get("rows")
    flagged = gate["counts"].get("flagged")
    predictions = live.predictions
    if not rows or flagged is None or predictions < policy.guard.predictions:
        return None
    _, expected_high = wilson(flagged, rows, Z999)
    live_low, _ = wilson(live.flagged, predictions, Z999)
    if live_low <= policy.guard.flagged * expected_high:
        return None
    share = live.flagged / predictions
    expected = flagged / rows
    return f"flags {share:.1%} of {predictions:,} predictions; expected {expected:.1%}"


def _recall(gate: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    expected = gate["low"]
    positives = live.outcomes.positives
    if expected is None or positives < policy.gates.positives:
        return None
    hits = live.outcomes.true_positives
    _, live_high = wilson(hits, positives, Z999)
    if live_high >= expected:
        return None
    return (
        f"finds {hits:,} of {positives:,} positives, {hits / positives:.1%}; "
        f"expected at least {expected:.1%}"
    )


def _roc_auc(gate: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    expected = gate["low"]
    outcomes = live.outcomes
    if expected is None or outcomes.positives < policy.gates.positives:
        return None
    observed = realised(outcomes, Z999).get("realised_roc_auc")
    if observed is None or observed.high >= expected:
        return None
    return (
        f"ROC-AUC {observed.value:.3f} on {outcomes.labelled:,} labelled rows; "
        f"expected at least {expected:.3f}"
    )
