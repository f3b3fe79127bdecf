"""The values of the explanation page's templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.records import Explanation
from pipelines.rules.explanation.attribution import Attribution, shift
from pipelines.rules.explanation.reason_codes import Reason, reasons
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.contract import Contract

WIDTH = 160  # pixels of the longest bar


def overview(
    *,
    counts: Mapping[str, int],
    attributions: Mapping[int, tuple[Sequence[str], Attribution]],
    training: Mapping[int, Reference | None],
    pictures: Sequence[str],
) -> dict[str, Any]:
    """Return counts by status, and the features' importance by version, newest version first.

    Each importance is shown beside that at training.
    """
    versions = []
    for version, (columns, sums) in sorted(attributions.items(), reverse=True):
        prefix = f"explanations-v{version}-"
        values = {
            "version": version,
            "n": sums.n,
            "all": round(sums.w),
            "features": _features(columns, sums, training[version]),
            "pictures": sorted(name for name in pictures if name.startswith(prefix)),
        }
        versions.append(values)
    return {"counts": counts, "versions": versions}


def prediction_view(
    contract: Contract, features: Sequence[float], explanation: Explanation | None
) -> dict[str, Any]:
    """Return a bar per feature, largest contribution first; none without an explanation.

    `features` are those that the model scored, in the order of its contract.
    """
    parts: list[Reason] = []
    total = 0.0
    if explanation:
        total = explanation.base_value or 0.0
        if explanation.status == "COMPLETED":
            parts = reasons(
                contract,
                contract.hash,
                features,
                explanation.contributions or [],
            )
    total += sum(reason.contribution for reason in parts)
    largest = max((abs(reason.contribution) for reason in parts), default=0.0) or 1.0
    bars = []
    for reason in parts:
        width = WIDTH * abs(reason.contribution) / largest
        bars.append({"reason": reason, "width": round(width, 1)})
    return {"bars": bars, "width": WIDTH, "total": total}


def _features(
    columns: Sequence[str], sums: Attribution, training: Reference | None
) -> list[dict[str, Any]]:
    """Return each feature's mean |contribution| and share, and its share at training if stored."""
    change = None
    if training:
        change = shift(sums, training.importance, columns, trained=training.explained)
    means = sums.mean
    largest = float(means.max()) or 1.0
    total = means.sum()
    rows = []
    for index, name in enumerate(columns):
        mean = float(means[index])
        row = {
            "feature": name,
            "mean": mean,
            "width": round(WIDTH * mean / largest, 1),
            "share": float(mean / total) if total else 0.0,
            "former": float(change.former[index]) if change else None,
            "p_value": float(change.p_value[index]) if change else None,
        }
        rows.append(row)
    return sorted(rows, key=lambda row: -float(row["mean"]))
