"""Does a new champion keep what its decision promised? What it breaks, in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipelines.records import LedgerEntry
from pipelines.rules import intervals
from pipelines.rules.intervals import Z999
from pipelines.rules.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a champion did lately: predictions and how many were flagged; of labelled rows (n,) label, score and flag."""

    predictions: int
    flagged: float
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    flags: NDArray[np.bool_]


def on_probation(entries: list[LedgerEntry]) -> LedgerEntry | None:
    """The promotion whose model is Production, newest entry first; None after a rollback, and before anything was promoted.

    An attempt that was taken back changes nothing: what was Production before is so again, and still on probation.
    """
    done = next((entry for entry in entries if entry.state == "DONE"), None)
    return done if done and done.action == "PROMOTE" else None


def broken_promises(gates: list[dict[str, Any]], live: Live, policy: Policy) -> list[str]:
    """Compare with the gates of the decision; a promise is broken when its bound and that of live figures lie apart."""
    promised = {gate["name"]: gate for gate in gates}
    recall, roc_auc = promised["recall"], promised["roc_auc"]
    return [*filter(None, (_flagged(recall, live, policy), _recall(recall, live, policy), _roc_auc(roc_auc, live, policy)))]


def _flagged(promise: dict[str, Any], live: Live, policy: Policy) -> str | None:
    """It flags far more than it did when it was judged: known before any label."""
    rows, flagged = promise["counts"].get("rows"), promise["counts"].get("flagged")
    if not rows or flagged is None or live.predictions < policy.guard.predictions:
        return None
    share, most = live.flagged / live.predictions, policy.guard.flagged * intervals.wilson(flagged, rows, Z999)[1]
    if intervals.wilson(live.flagged, live.predictions, Z999)[0] <= most:
        return None
    return f"flags {share:.1%} of {live.predictions:,} predictions, {flagged / rows:.1%} were promised"


def _recall(promise: dict[str, Any], live: Live, policy: Policy) -> str | None:
    positives, found = int(live.labels.sum()), int((live.flags & (live.labels == 1)).sum())
    if promise["low"] is None or positives < policy.gates.positives:
        return None
    if intervals.wilson(found, positives, Z999)[1] >= promise["low"]:
        return None
    return f"finds {found:,} of {positives:,} positives, {found / positives:.1%}; at least {promise['low']:.1%} were promised"


def _roc_auc(promise: dict[str, Any], live: Live, policy: Policy) -> str | None:
    positives, negatives = int(live.labels.sum()), int((live.labels == 0).sum())
    if promise["low"] is None or positives < policy.gates.positives or not negatives:
        return None
    observed = float(roc_auc_score(live.labels, live.scores))
    if intervals.roc_auc(observed, positives, negatives, Z999)[1] >= promise["low"]:
        return None
    return f"ROC-AUC {observed:.3f} on {len(live.labels):,} labelled rows; at least {promise['low']:.3f} was promised"
