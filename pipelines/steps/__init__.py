"""One module per stage, each reading as gather, decide, record."""

import contextlib
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.errors import ParameterError, StepSkipped
from pipelines.rules.use_case.run_parameters import why_step_refused

if TYPE_CHECKING:  # the command line lists the steps, and must stay light
    from pipelines.context import Context

# The steps of each folder, in the order in which their DAGs run them.
FOLDERS = {
    "retraining": ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve"),
    "promotion": ("needs_review", "review", "select_rollback", "final_validation", "promote"),
    "monitoring": ("roll_up", "measure", "alert", "notify", "report", "wake_retraining", "guard"),
    "explanation": ("plan", "explain", "summarise"),
}
MODULES = {
    name: f"pipelines.steps.{folder}.{name}" for folder, names in FOLDERS.items() for name in names
}
STEPS = tuple(MODULES)
POLICY_INVALID = "policy_invalid"  # cause of an alert

log = logging.getLogger(__name__)


def goes_back(name: str, params: dict[str, Any]) -> bool:
    """Whether a step is part of a rollback, which never depends on the use case's files."""
    return name == "select_rollback" or (
        name in ("final_validation", "promote") and params.get("version") is not None
    )


def perform(name: str, context: "Context") -> Any:
    """Run one step; when it fails, the decision of its run keeps why there is no verdict.

    Unknown parameters and wrong types are refused with ParameterError before anything is read.
    """
    if refused := why_step_refused(name, context.params):
        raise ParameterError(refused)
    try:
        _watch_policy(context)
        return import_module(MODULES[name]).run(context)
    except StepSkipped:
        raise
    except Exception as error:
        with contextlib.suppress(
            Exception
        ):  # the database may be what failed; the error itself goes on
            context.decisions.note_failure(
                context.name, context.run_id, f"{name} failed: {' '.join(str(error).split())}"
            )
        raise
    finally:
        context.close()


def _watch_policy(context: "Context") -> None:
    """Keep a copy of valid files; while others are in force instead, have an alert open."""
    import psycopg

    from pipelines.use_case import keep

    use_case = context.use_case
    if not use_case.warning:
        keep(context.settings.last_valid, use_case.name, use_case.texts)
    try:
        if use_case.warning:
            context.alerts.raise_(
                use_case.name, cause=POLICY_INVALID, severity="ALERT", message=str(use_case.warning)
            )
        else:
            context.alerts.resolve(use_case.name, POLICY_INVALID)
    except psycopg.Error as error:  # the step itself says what it needs of the database
        log.warning(
            "the alert %s can't be opened or resolved: %s",
            POLICY_INVALID,
            " ".join(str(error).split()),
        )
