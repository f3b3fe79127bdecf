"""What `sixgate new` says of the data and of the files that it wrote."""

from collections.abc import Iterator
from typing import Any

from pipelines.ingestion.new_use_case import NewUseCase
from pipelines.ingestion.use_case_proposal import Proposal

MOST_LEFT_OUT = 12
MOST_DOUBTS = 12
MOST_REASONS = 5


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """Yield what was seen, what was guessed and why, and what looks wrong."""
    fit = proposal.fit
    features = len(proposal.contract.features)
    categories = sum(1 for each in proposal.contract.features if each.type == "category")
    yield (
        f"{proposal.rows:,} rows, {proposal.positive_share:.1%} positive; "
        f"{features} features, {categories} of them categories"
    )
    for note in proposal.notes:
        yield f"  guessed: {note}"
    yield from _listed("left out", proposal.left_out, MOST_LEFT_OUT)
    gates = proposal.policy.document["gates"]
    yield (
        f"a quick fit reached ROC-AUC {fit.roc_auc:.3f} ± {fit.error:.3f} and recall "
        f"{fit.recall:.2f} with {fit.flagged_share:.1%} of the rows flagged; proposed floors: "
        f"ROC-AUC {gates['roc_auc']:g}, recall {gates['recall']:g}"
    )
    for doubt in proposal.doubts[:MOST_DOUBTS]:
        yield f"  look at: {doubt}"
    others = len(proposal.doubts) - MOST_DOUBTS
    if others > 0:
        yield f"  and {others} more of this kind"


def _listed(what: str, reasons: dict[str, str], most: int) -> Iterator[str]:
    for column, reason in list(reasons.items())[:most]:
        yield f"  {what}: {column or '(no name)'}: {reason}"
    if len(reasons) > most:
        yield f"  {what}: {len(reasons) - most} more, see the end of contract.yaml"


def result_lines(made: NewUseCase) -> Iterator[str]:
    """Yield what was written and imported."""
    ingested = made.ingested
    yield f"{made.folder}: contract.yaml, policy.yaml and the baseline"
    refused = f", {ingested.quarantined:,} refused" if ingested.quarantined else ""
    yield f"snapshot {ingested.snapshot}: {ingested.rows:,} rows{refused}"
    refusals = [(rows, reason) for reason, rows in ingested.reasons.items() if rows]
    for rows, reason in refusals[:MOST_REASONS]:
        yield f"  {rows:,} {'row' if rows == 1 else 'rows'}: {reason}"


def as_json(proposal: Proposal, made: NewUseCase) -> dict[str, Any]:
    """Return the same for a script."""
    fit = proposal.fit
    return {
        "use_case": proposal.name,
        "folder": str(made.folder),
        "snapshot": made.ingested.snapshot,
        "rows": proposal.rows,
        "refused": made.ingested.quarantined,
        "positive_share": proposal.positive_share,
        "features": len(proposal.contract.features),
        "left_out": proposal.left_out,
        "guesses": list(proposal.notes),
        "doubts": list(proposal.doubts),
        "quick_fit": {
            "roc_auc": fit.roc_auc,
            "standard_error": fit.error,
            "recall": fit.recall,
            "flagged_share": fit.flagged_share,
        },
        "policy": proposal.policy.document,
    }
