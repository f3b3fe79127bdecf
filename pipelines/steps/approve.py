"""Let an APPROVED verdict through, so that the candidate asset is emitted by this task alone."""

from typing import Any

from pipelines.errors import StepSkipped
from pipelines.wiring import Context


def run(context: Context) -> dict[str, Any]:
    """Pass on the decision's number, or skip with the verdict's reason."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict != "APPROVED":
        raise StepSkipped(f"{decision.verdict}: {decision.reason}")
    return {"decision_id": decision.id}
