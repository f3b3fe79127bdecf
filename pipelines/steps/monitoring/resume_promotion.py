"""Find approved decisions that no promotion run carries out; tell a person, and trigger it again.

Airflow drops the candidate asset while the promotion DAG is paused, and a run may be killed. When
this step passes, it emits the candidate asset again.
"""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Decision
from pipelines.rules.promotion.unfinished import PromotionDag, unfinished

log = logging.getLogger(__name__)
CAUSE = "promotion_waiting"


def run(context: Context) -> dict[str, Any]:
    """Pass when a decision needs a promotion run; skip, with the reason, when none does.

    Without params, return the unfinished decisions with the runs about each, so that the caller can
    ask Airflow about them. Param `paused`: whether the DAG is paused; `active`: ids of decisions
    that have an active run; `unbound`: whether another run is active.
    """
    decisions = context.decisions.unfinished(context.name)
    if not decisions:
        ended = "every approved decision was promoted, refused or superseded"
        context.alerts.resolve(context.name, CAUSE, ended)
        raise StepSkipped(ended)
    if "paused" not in context.params:
        return {"decisions": [_with_runs(context, decision) for decision in decisions]}
    dag = PromotionDag(
        name=f"{context.name}_promotion",
        paused=bool(context.params["paused"]),
        active=context.params.get("active", ()),
        unbound=bool(context.params.get("unbound")),
    )
    waiting = list(unfinished(decisions, dag, context.as_of))
    if not waiting:
        carried_out = f"{dag.name} carries out every approved decision"
        context.alerts.resolve(context.name, CAUSE, carried_out)
        raise StepSkipped(carried_out)
    message = "; ".join(each.message for each in waiting)
    context.alerts.raise_(
        context.name,
        cause=CAUSE,
        severity="ALERT" if dag.paused else "WARNING",
        message=message,
    )
    log.warning("%s", message)
    if not any(each.trigger for each in waiting):
        raise StepSkipped(message)
    return {"decision_id": waiting[-1].decision_id, "message": message}


def _with_runs(context: Context, decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "runs": context.decisions.promotion_runs(context.name, decision.id),
    }
