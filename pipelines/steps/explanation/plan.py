"""Select predictions to explain, and divide them into chunks of one model version each."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped

log = logging.getLogger(__name__)


def run(context: Context) -> list[dict[str, Any]]:
    """Create PENDING explanations by the policy, and return the chunks; each mapped task takes one.

    It considers the predictions that were logged since the last plan. With the param `select` it
    considers all predictions of the policy's window.
    """
    policy = context.use_case.policy.explanation
    created = context.explanations.plan(
        context.name,
        since=context.as_of - context.use_case.policy.evaluation.window,
        select=policy.select,
        sample=policy.sample,
        extra_select=context.params.get("select"),
    )
    chunks = context.explanations.assign(
        context.name,
        context.run_id,
        size=policy.chunk,
        limit=policy.limit,
        attempts=policy.attempts,
    )
    if not chunks:
        raise StepSkipped("every prediction that the policy selects is explained")
    assigned = sum(chunk["n"] for chunk in chunks)
    pending = context.explanations.waiting(context.name)
    log.info(
        "%s new predictions, %s assigned to %s chunks", f"{created:,}", f"{assigned:,}", len(chunks)
    )
    if pending > assigned:
        log.warning(
            "%s more are pending for another run: the policy's explanation.limit is %s",
            f"{pending - assigned:,}",
            policy.limit,
        )
    return [{"chunk": chunk["chunk"]} for chunk in chunks]
