"""What the explanation page shows, as plain values for its templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.records import Explanation, Prediction
from pipelines.rules.explanation.attribution import Attribution, shift
from pipelines.rules.explanation.reason_codes import Reason, reasons
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.contract import Contract

WIDTH = 160  # pixels of the longest bar


def overview(
    *,
    counts: Mapping[str, int],
    found: Mapping[int, tuple[Sequence[str], Attribution]],
    training: Mapping[int, Reference | None],
    pictures: Sequence[str],
) -> dict[str, Any]:
    """Counts by status, and for each version, the newest first, features with their importance beside training's."""
    versions = []
    for version, (columns, sums) in sorted(found.items(), reverse=True):
        prefix = f"explanations-v{version}-"
        versions.append({
            "version": version, "n": sums.n, "all": round(sums.w), "features": _features(columns, sums, training[version]),
            "pictures": sorted(name for name in pictures if name.startswith(prefix)),
        })  # fmt: skip
    return {"counts": counts, "versions": versions}


def prediction_view(
    contract: Contract, prediction: Prediction, known: Explanation | None
) -> dict[str, Any]:
    """A bar for each feature, the ones that moved the score most first; none while there is no explanation."""
    found: list[Reason] = []
    if known and known.status == "COMPLETED":
        found = reasons(
            contract, prediction.contract_hash, prediction.features, known.contributions or []
        )
    most = max((abs(reason.contribution) for reason in found), default=0.0) or 1.0
    bars = [
        {"reason": reason, "width": round(WIDTH * abs(reason.contribution) / most, 1)}
        for reason in found
    ]
    total = (
        (known.base_value or 0.0) + sum(reason.contribution for reason in found) if known else 0.0
    )
    return {"bars": bars, "width": WIDTH, "total": total}


def _features(
    columns: Sequence[str], sums: Attribution, training: Reference | None
) -> list[dict[str, Any]]:
    """Mean |contribution| and its share, beside training's share where that is known."""
    moved = (
        shift(sums, training.importance, columns, trained=training.explained) if training else None
    )
    mean = sums.mean
    largest = float(mean.max()) or 1.0
    rows = [
        {
            "feature": name, "mean": float(mean[at]), "width": round(WIDTH * float(mean[at]) / largest, 1),
            "share": float(mean[at] / mean.sum()) if mean.sum() else 0.0,
            "former": float(moved.former[at]) if moved else None, "p_value": float(moved.p_value[at]) if moved else None,
        }
        for at, name in enumerate(columns)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -float(row["mean"]))
