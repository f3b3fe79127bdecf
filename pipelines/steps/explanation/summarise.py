"""Sum up explanations: how far they are, which features move scores most, and pictures of that for each model version."""

import logging
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.rules.explanation.attribution import PERIOD, Attribution, thinned

log = logging.getLogger(__name__)
PICTURED, FEWEST = 20_000, 50  # newest explained predictions behind a picture
AGAIN = timedelta(hours=1)


def run(context: Context) -> dict[str, Any]:
    """Log global importance, mean |contribution| in log-odds of all predictions, and draw what is older than an hour."""
    since = context.as_of - PERIOD
    found = context.explanations.attributions(context.name, since, context.as_of + PERIOD)
    for version, (columns, sums) in found.items():
        for name, mean in importance(columns, sums):
            log.info("version %s  %-28s %.4f", version, name, mean)
    drawn = [version for version in found if _draw(context, version, since)]
    counts = context.explanations.counts(context.name, since)
    log.info(
        "in the last 7 days: %s",
        ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items())),
    )
    return {"counts": counts, "drawn": drawn, "page": f"/sixgate/explanations/{context.name}/"}


def importance(columns: list[str], sums: Attribution) -> list[tuple[str, float]]:
    """Features with their mean |contribution|, the largest first."""
    return sorted(zip(columns, sums.mean.tolist(), strict=True), key=lambda pair: -pair[1])


def picture(version: int, name: str) -> str:
    """What a picture is kept as."""
    return f"explanations-v{version}-{name}"


def _draw(context: Context, version: int, since: datetime) -> bool:
    """Draw a version's pictures into the artifacts and its MLflow run, unless they are fresh or there is too little."""
    stamp = picture(version, "drawn.json")
    if stamp in context.artifacts.reports("explanations-*.json"):
        last = datetime.fromisoformat(context.artifacts.read_json(stamp)["at"])
        if context.as_of - last < AGAIN and not context.params.get("select"):
            return False
    features, contributions, weights = context.explanations.newest(
        context.name, version, since=since, limit=PICTURED
    )
    if len(weights) < FEWEST:
        return False
    kept = thinned(weights)
    model = context.models.get(context.name, version)
    columns = context.models.contract(model.contract_hash, context.use_case.contract).columns
    pictures = _figures(features[kept], contributions[kept], columns)
    for former in context.artifacts.reports(picture(version, "*.png")):
        context.artifacts.forget_report(former)
    for name, content in pictures.items():
        context.artifacts.report(picture(version, name), content)
        context.registry.add_file(
            model.mlflow_run_id, f"explanations/{context.as_of:%Y-%m-%d}", name, content
        )
    context.artifacts.report(
        stamp, {"at": context.as_of.isoformat(), "rows": len(kept), "pictures": list(pictures)}
    )
    log.info("version %s: drew %s of %s predictions", version, ", ".join(pictures), len(kept))
    return True


def _figures(
    features: NDArray[np.float64], contributions: NDArray[np.float64], columns: tuple[str, ...]
) -> dict[str, bytes]:
    from pipelines.reporting.plots import explained  # with shap and matplotlib, which take seconds

    return explained(features, contributions, columns)
