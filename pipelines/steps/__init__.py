"""One module per step of a DAG; each gathers evidence, decides by the rules, and records."""

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


def is_rollback_step(name: str, params: dict[str, Any]) -> bool:
    """Whether a step is part of a rollback, which never depends on the use case's files."""
    if name in ("final_validation", "promote"):
        return params.get("version") is not None
    return name == "select_rollback"


def perform(name: str, context: "Context") -> Any:
    """Run one step; when it fails, record in the run's decision why there is no verdict.

    Unknown parameters and wrong types raise ParameterError before anything is read.
    """
    if refusal := why_step_refused(name, context.params):
        raise ParameterError(refusal)
    try:
        _watch_policy(context)
        return import_module(MODULES[name]).run(context)
    except StepSkipped:
        raise
    except Exception as error:
        # The database may be what failed: the error of the step is the one to report.
        with contextlib.suppress(Exception):
            failure = f"{name} failed: {_one_line(error)}"
            context.decisions.note_failure(context.name, context.run_id, failure)
        raise
    finally:
        context.close()


def _watch_policy(context: "Context") -> None:
    """Keep a copy of valid files; while an older copy is in force, keep an alert open."""
    import psycopg

    from pipelines.use_case import keep

    use_case = context.use_case
    warning = use_case.warning
    if not warning:
        keep(context.settings.last_valid, use_case.name, use_case.texts)
    try:
        if warning:
            context.alerts.raise_(
                use_case.name,
                cause=POLICY_INVALID,
                severity="ALERT",
                message=str(warning),
            )
        else:
            context.alerts.resolve(use_case.name, POLICY_INVALID, "contract and policy are valid")
    except psycopg.Error as error:  # the step itself reports what it needs of the database
        log.warning(
            "the alert %s could not be opened or resolved: %s",
            POLICY_INVALID,
            _one_line(error),
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
