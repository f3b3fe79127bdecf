"""The policy of a new use case: floors that a model of these data can reach."""

import math
from dataclasses import dataclass
from typing import Any

SLACK = 3.0  # standard errors below the quick fit, from which a floor starts
FLOOR_STEP = 0.01
RECALL_SHARE = 0.6  # of the recall of the quick fit
FLAGGED_TIMES = 1.5  # the flagged share of the quick fit
GATE_POSITIVES = 20  # the default of `gates.positives`
GATE_SAMPLES = 200  # the default of `gates.samples`


@dataclass(frozen=True, kw_only=True)
class QuickFit:
    """What a model with fixed parameters reached on rows that it did not see.

    `error` is the standard error of the ROC-AUC. Recall and the flagged share are those at the
    threshold with the best F1.
    """

    rows: int
    positives: int
    roc_auc: float
    error: float
    recall: float
    flagged_share: float


@dataclass(frozen=True, kw_only=True)
class PolicyProposal:
    """The document of a policy, and comments by the path of a key."""

    document: dict[str, Any]
    comments: dict[str, str]


def propose_policy(
    fit: QuickFit, *, rows: int, positives: int, why_no_time_split: str, holdout: float
) -> PolicyProposal:
    """Propose floors below what a quick fit reached, and the split that the data allow."""
    roc_auc = _floor(max(0.5, fit.roc_auc - max(0.02, SLACK * fit.error)))
    recall = _floor(max(0.05, RECALL_SHARE * fit.recall))
    flagged = min(1.0, math.ceil(100 * FLAGGED_TIMES * fit.flagged_share) / 100)
    seen = "a quick fit reached"
    gates: dict[str, Any] = {"roc_auc": roc_auc, "recall": recall, "flagged_share": flagged}
    comments = {
        "gates.roc_auc": f"{seen} {fit.roc_auc:.3f}",
        "gates.recall": f"{seen} {fit.recall:.2f} at the best F1",
        "gates.flagged_share": f"it flagged {fit.flagged_share:.1%} of the rows",
    }
    held_out = int(positives * holdout)
    if held_out < GATE_POSITIVES:
        gates["positives"] = max(1, held_out // 2)
        comments["gates.positives"] = f"about {held_out} of {positives:,} positives are held out"
    if rows * holdout < GATE_SAMPLES:
        gates["samples"] = max(1, int(rows * holdout / 2))
        comments["gates.samples"] = f"about {int(rows * holdout):,} rows are held out"
    floors = {"recall": recall, "roc_auc": roc_auc}
    document: dict[str, Any] = {"gates": gates, "performance": floors}
    if why_no_time_split:
        document["evaluation"] = {"split": "id"}
        comments["evaluation.split"] = why_no_time_split
    return PolicyProposal(document=document, comments=comments)


def _floor(number: float) -> float:
    """Round down to a multiple of `FLOOR_STEP`."""
    return round(math.floor(number / FLOOR_STEP) * FLOOR_STEP, 4)
