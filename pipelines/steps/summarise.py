"""Sum up what a run explained: counts by status, and which features move scores most."""

import logging
from typing import Any

from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Log global importance, mean |contribution| in log-odds, per model version."""
    importance = context.explanations.importance(context.name, context.run_id)
    for row in importance:
        log.info("version %s  %-28s %.4f", row["model_version"], row["feature"], row["importance"])
    report = {"run_id": context.run_id, "importance": importance}
    path = context.artifacts.report("importance.json", report)
    return {"counts": context.explanations.counts(context.name), "report": path.name}
