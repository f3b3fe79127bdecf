"""Summarise explanations: counts by status, importance of features, plots of each version."""

import logging
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.rules.explanation.attribution import PERIOD, Attribution, thinned
from pipelines.stores.row_conversion import RowConverter

log = logging.getLogger(__name__)
PLOTTED_ROWS = 20_000  # at most: the newest explained predictions
FEWEST_ROWS = 50
PLOT_AGE = timedelta(hours=1)  # after which plots are drawn again


def run(context: Context) -> dict[str, Any]:
    """Log the mean |contribution| of each feature in log-odds, and draw plots anew."""
    since = context.as_of - PERIOD
    attributions = context.explanations.attributions(context.name, since, context.as_of + PERIOD)
    for version, (columns, sums) in attributions.items():
        for name, mean in importance(columns, sums):
            log.info("version %s  %-28s %.4f", version, name, mean)
    drawn = [version for version in attributions if _draw(context, version, since)]
    counts = context.explanations.counts(context.name, since)
    described = ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items()))
    log.info("in the last 7 days: %s", described)
    return {"counts": counts, "drawn": drawn}


def importance(columns: list[str], sums: Attribution) -> list[tuple[str, float]]:
    """Features with their mean |contribution|, the largest first."""
    means = zip(columns, sums.mean.tolist(), strict=True)
    return sorted(means, key=lambda pair: -pair[1])


def picture(version: int, name: str) -> str:
    """Name of a version's plot among the reports."""
    return f"explanations-v{version}-{name}"


def _draw(context: Context, version: int, since: datetime) -> bool:
    """Draw a version's plots into the reports and its MLflow run.

    False when they are newer than an hour, or when there are too few explanations.
    """
    if not context.params.get("select") and _are_new(context, version):
        return False
    model = context.models.get(context.name, version)
    contract = context.models.contract(model.contract_hash, context.use_case.contract)
    logged, contributions, weights = context.explanations.newest(
        context.name, version, since=since, limit=PLOTTED_ROWS
    )
    if len(weights) < FEWEST_ROWS:
        return False
    kept = thinned(weights)
    converter = RowConverter(contract, context.models.recorded_contract)
    features = converter.rows([logged[position] for position in kept])
    plots = _plots(features, contributions[kept], contract.columns)
    for former in context.artifacts.reports(picture(version, "*.png")):
        context.artifacts.forget_report(former)
    folder = f"explanations/{context.as_of:%Y-%m-%d}"
    for name, content in plots.items():
        context.artifacts.report(picture(version, name), content)
        context.registry.add_file(model.mlflow_run_id, folder, name, content)
    record = {"at": context.as_of.isoformat(), "rows": len(kept), "pictures": list(plots)}
    context.artifacts.report(_record_name(version), record)
    log.info("version %s: drew %s of %s predictions", version, ", ".join(plots), len(kept))
    return True


def _record_name(version: int) -> str:
    return picture(version, "drawn.json")


def _are_new(context: Context, version: int) -> bool:
    record = _record_name(version)
    if record not in context.artifacts.reports("explanations-*.json"):
        return False
    last = datetime.fromisoformat(context.artifacts.read_json(record)["at"])
    return context.as_of - last < PLOT_AGE


def _plots(
    features: NDArray[np.float64], contributions: NDArray[np.float64], columns: tuple[str, ...]
) -> dict[str, bytes]:
    from pipelines.reporting.plots import (
        explained,  # imports shap and matplotlib, which takes seconds
    )

    return explained(features, contributions, columns)
