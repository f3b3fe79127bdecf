"""Explain one chunk of predictions with the very model version that scored them."""

import logging
from typing import Any

import numpy as np

from pipelines.records import Pending
from pipelines.rules.bundle import read_bundle
from pipelines.rules.explain import FILES, add_up, contributions
from pipelines.stores.production import Production
from pipelines.wiring import Context

log = logging.getLogger(__name__)
BATCH = 1000


def run(context: Context) -> dict[str, Any]:
    """Write COMPLETED rows in bulk; a row that does not add up fails by itself, and a repeated step finds less to do."""
    chunk = context.text("chunk")
    version, rows = context.explanations.pending(context.name, chunk)
    done = 0
    if version is not None:
        explain = _explainer(context, version)
        for start in range(0, len(rows), BATCH):
            done += _write(context, rows[start : start + BATCH], explain)
    log.info("%s: %s of %s predictions explained by version %s", chunk, f"{done:,}", f"{len(rows):,}", version)
    return {"chunk": chunk, "completed": done, "failed": len(rows) - done}


def _explainer(context: Context, version: int) -> Any:
    """Fetch what explains a version; returns a function from features to contributions and base value."""
    model = context.models.get(context.name, version)
    with Production(context.settings.mlflow_tracking_uri, timeout=60) as production:
        files = production.fetch(context.name, version)
        content = production.fetch(context.name, version, (FILES[model.kind],))[FILES[model.kind]]
    bundle = read_bundle(files, use_case=context.name, contract_hash=model.contract_hash)
    return lambda features: contributions(bundle.kind, content, bundle.calibration, features)


def _write(context: Context, rows: list[Pending], explain: Any) -> int:
    features = np.array([[np.nan if v is None else v for v in row.features] for row in rows], dtype=np.float64)
    values, base = explain(features)
    good = add_up(values, base, np.array([row.score for row in rows]))
    columns = context.use_case.contract.columns
    context.explanations.complete(
        context.name,
        [row.prediction_id for row, fine in zip(rows, good, strict=True) if fine],
        [dict(zip(columns, line.tolist(), strict=True)) for line, fine in zip(values, good, strict=True) if fine],
        base,
    )
    wrong = [row.prediction_id for row, fine in zip(rows, good, strict=True) if not fine]
    if wrong:
        context.explanations.fail(
            context.name, wrong, attempts=context.use_case.policy.explanation.attempts,
            error="the contributions do not add up to the logged score",
        )  # fmt: skip
    return int(good.sum())
