"""Find predictions that lack an explanation, and cut them into chunks of one model version."""

import logging
from typing import Any

from pipelines.errors import StepSkipped
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> list[dict[str, Any]]:
    """Make PENDING rows by the policy and return the chunks; the mapped explain tasks take one each."""
    policy = context.use_case.policy.explanation
    made = context.explanations.plan(
        context.name,
        since=context.as_of - context.use_case.policy.evaluation.window,
        select=str(context.params.get("select") or policy.select),
        sample=policy.sample,
        limit=policy.limit,
    )
    chunks = context.explanations.assign(context.name, context.run_id, size=policy.chunk)
    if not chunks:
        raise StepSkipped("every prediction that the policy asks for is explained")
    log.info("%s predictions are new, %s wait in %s chunks", f"{made:,}", f"{sum(c['n'] for c in chunks):,}", len(chunks))
    return [{"chunk": chunk["chunk"]} for chunk in chunks]
