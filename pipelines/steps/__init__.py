"""One module per stage, each reading as gather, decide, record."""

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.errors import ParameterError, StepSkipped
from pipelines.rules.parameters import why_step_refused

if TYPE_CHECKING:  # the command line lists the steps, and must stay light
    from pipelines.wiring import Context

STEPS = (
    "check_conditions", "validate_data", "train", "shadow_evaluate", "approve",
    "needs_review", "review", "final_validation", "promote", "check",
    "roll_up", "measure", "alert", "notify", "report", "wake_retraining", "guard",
    "plan", "explain", "summarise",
)  # fmt: skip


def perform(name: str, context: "Context") -> Any:
    """Run one step; when it fails, the decision of its run keeps why there is no verdict.

    Unknown parameters and wrong types are refused with ParameterError before anything is read.
    """
    if refused := why_step_refused(name, context.params):
        raise ParameterError(refused)
    try:
        return import_module(f"pipelines.steps.{name}").run(context)
    except StepSkipped:
        raise
    except Exception as error:
        with contextlib.suppress(Exception):  # the database may be what failed; the error itself goes on
            context.decisions.note_failure(context.name, context.run_id, f"{name} failed: {' '.join(str(error).split())}")
        raise
    finally:
        context.close()
