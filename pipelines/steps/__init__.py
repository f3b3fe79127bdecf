"""One module per step of a DAG; each gathers evidence, decides by the rules, and records."""

import contextlib
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.errors import (
    ModelRejected,
    ParameterError,
    SixgateError,
    StepSkipped,
    UseCaseError,
)
from pipelines.rules.use_case.run_parameters import why_step_refused

if TYPE_CHECKING:  # the command line lists the steps, and must stay light
    from pipelines.context import Context
    from pipelines.settings import Settings

# The steps of each folder, in the order in which their DAGs run them.
FOLDERS = {
    "retraining": ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve"),
    "promotion": ("needs_review", "review", "select_rollback", "final_validation", "promote"),
    "monitoring": (
        "roll_up",
        "measure",
        "alert",
        "notify",
        "report",
        "wake_retraining",
        "guard",
        "resume_promotion",
    ),
    "explanation": ("plan", "explain", "summarise"),
    "ingestion": ("ingest_history", "ingest_labels"),
    "batch_scoring": ("score_file",),
}
MODULES = {
    name: f"pipelines.steps.{folder}.{name}" for folder, names in FOLDERS.items() for name in names
}
STEPS = tuple(MODULES)
POLICY_INVALID = "policy_invalid"  # cause of an alert
FAILED = "failed_"  # precedes the name of a step in the cause of an alert
# Errors that another attempt meets again: of a file, of a contract, or of the code itself.
SAME_EACH_TIME = (UseCaseError, ModelRejected, LookupError, TypeError, ValueError)

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
        result = import_module(MODULES[name]).run(context)
        _resolve_failed(name, context)
        return result
    except StepSkipped:
        raise
    except Exception as error:
        if isinstance(error, SAME_EACH_TIME):
            _alert_failed(name, context, error)
        # The database may be what failed: the error of the step is the one to report.
        with contextlib.suppress(Exception):
            failure = f"{name} failed: {_one_line(error)}"
            context.decisions.note_failure(context.name, context.run_id, failure)
        raise
    finally:
        context.close()


def report_invalid(settings: "Settings", use_case: str, error: UseCaseError) -> None:
    """Open an alert about files that can't be read and have no valid copy: no step can run."""
    import psycopg

    from pipelines.stores.alerts import AlertStore
    from pipelines.stores.database import connect
    from pipelines.use_case import names

    if use_case not in names(settings.reference):
        return
    try:
        with connect(settings) as connection:
            AlertStore(connection).raise_(
                use_case, cause=POLICY_INVALID, severity="ALERT", message=str(error)
            )
    except (SixgateError, psycopg.Error) as refusal:
        log.warning("the alert %s could not be opened: %s", POLICY_INVALID, _one_line(refusal))


def _alert_failed(name: str, context: "Context", error: Exception) -> None:
    """Open an alert about a step that fails in the same way each time, such as by a contract."""
    with contextlib.suppress(Exception):  # the error of the step is the one to report
        context.alerts.raise_(
            context.name,
            cause=FAILED + name,
            severity="ALERT",
            message=f"{name} failed in run {context.run_id}: {_described(error)}",
        )


def _resolve_failed(name: str, context: "Context") -> None:
    """Resolve the alert about a step that now succeeded."""
    import psycopg

    with contextlib.suppress(psycopg.Error):
        context.alerts.resolve(context.name, FAILED + name, f"{name} succeeded")


def _described(error: Exception) -> str:
    if isinstance(error, SixgateError):
        return _one_line(error)
    return f"{type(error).__name__}: {_one_line(error)}"


def _watch_policy(context: "Context") -> None:
    """Keep a copy of valid files; while an older copy is in force, keep an alert open.

    The contract is recorded, so that rows can still be read after the next change.
    """
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
            context.models.record_contract(use_case.contract)
            context.alerts.resolve(use_case.name, POLICY_INVALID, "contract and policy are valid")
    except psycopg.Error as error:  # the step itself reports what it needs of the database
        log.warning(
            "the alert %s could not be opened or resolved: %s",
            POLICY_INVALID,
            _one_line(error),
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
