"""Find predictions to explain, and cut them into chunks of one model version."""

import logging
from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped

log = logging.getLogger(__name__)


def run(context: Context) -> list[dict[str, Any]]:
    """Make PENDING rows by the policy and return the chunks; the mapped explain tasks take one each.

    Looked at is what was logged since the last plan. A run with the param `select` looks at all of the policy's window too.
    """
    policy = context.use_case.policy.explanation
    made = context.explanations.plan(
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
        raise StepSkipped("every prediction that the policy asks for is explained")
    taken, waiting = sum(chunk["n"] for chunk in chunks), context.explanations.waiting(context.name)
    log.info(
        "%s predictions are new, %s are taken in %s chunks", f"{made:,}", f"{taken:,}", len(chunks)
    )
    if waiting > taken:
        log.warning(
            "%s more wait for another run: the policy's explanation.limit is %s",
            f"{waiting - taken:,}",
            policy.limit,
        )
    return [{"chunk": chunk["chunk"]} for chunk in chunks]
