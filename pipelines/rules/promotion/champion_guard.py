"""Does a new champion keep what its decision promised? What it breaks, in words."""

from dataclasses import dataclass
from typing import Any

from pipelines.records import LedgerEntry
from pipelines.rules.monitoring.performance import ScoreCounts, realised
from pipelines.rules.statistics import confidence_intervals
from pipelines.rules.statistics.confidence_intervals import Z999
from pipelines.rules.use_case.policy import Policy


@dataclass(frozen=True, kw_only=True)
class LivePerformance:
    """What a champion did: of late, predictions and how many it flagged; since it serves, what became of the labelled ones."""

    predictions: int
    flagged: float
    outcomes: ScoreCounts


def on_probation(entries: list[LedgerEntry]) -> LedgerEntry | None:
    """The promotion whose model is Production, newest entry first; None after a rollback, and before anything was promoted.

    An attempt that was taken back changes nothing: what was Production before is so again, and still on probation.
    """
    done = next((entry for entry in entries if entry.state == "DONE"), None)
    return done if done and done.action == "PROMOTE" else None


def broken_promises(
    gates: list[dict[str, Any]], live: LivePerformance, policy: Policy
) -> list[str]:
    """Compare with the gates of the decision; a promise is broken when its bound and that of live figures lie apart."""
    promised = {gate["name"]: gate for gate in gates}
    recall, roc_auc = promised["recall"], promised["roc_auc"]
    return [
        *filter(
            None,
            (
                _flagged(recall, live, policy),
                _recall(recall, live, policy),
                _roc_auc(roc_auc, live, policy),
            ),
        )
    ]


def _flagged(promise: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    """It flags far more than it did when it was judged: known before any label."""
    rows, flagged = promise["counts"].get("rows"), promise["counts"].get("flagged")
    if not rows or flagged is None or live.predictions < policy.guard.predictions:
        return None
    share, most = (
        live.flagged / live.predictions,
        policy.guard.flagged * confidence_intervals.wilson(flagged, rows, Z999)[1],
    )
    if confidence_intervals.wilson(live.flagged, live.predictions, Z999)[0] <= most:
        return None
    return (
        f"flags {share:.1%} of {live.predictions:,} predictions, {flagged / rows:.1%} were promised"
    )


def _recall(promise: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    positives, found = live.outcomes.positives, live.outcomes.true_positives
    if promise["low"] is None or positives < policy.gates.positives:
        return None
    if confidence_intervals.wilson(found, positives, Z999)[1] >= promise["low"]:
        return None
    return f"finds {found:,} of {positives:,} positives, {found / positives:.1%}; at least {promise['low']:.1%} were promised"


def _roc_auc(promise: dict[str, Any], live: LivePerformance, policy: Policy) -> str | None:
    if promise["low"] is None or live.outcomes.positives < policy.gates.positives:
        return None
    observed = realised(live.outcomes, Z999).get("realised_roc_auc")
    if observed is None or observed.high >= promise["low"]:
        return None
    seen = f"ROC-AUC {observed.value:.3f} on {live.outcomes.labelled:,} labelled rows"
    return f"{seen}; at least {promise['low']:.3f} was promised"
