"""Let a severe alert through, so that the drift asset is emitted by this task alone."""

from typing import Any

from pipelines.errors import StepSkipped
from pipelines.steps.alert import CAUSE
from pipelines.wiring import Context


def run(context: Context) -> dict[str, Any]:
    """Pass when this very check raised a SEVERE alert, skip otherwise."""
    alerts = context.alerts.recent(context.name)
    found = next((a for a in alerts if a.cause == CAUSE and a.state != "RESOLVED"), None)
    if found is None or found.severity != "SEVERE" or found.check_id != context.run_id:
        raise StepSkipped(f"drift is {found.severity if found else 'quiet'}, not SEVERE")
    return {"alert_id": found.id, "message": found.message}
