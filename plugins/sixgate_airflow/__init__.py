"""The building blocks of Sixgate's DAGs: policies, assets and the operators that run a step."""

from sixgate_airflow.assets import candidate_asset, drift_asset, rollback_asset
from sixgate_airflow.command import CommandOperator
from sixgate_airflow.defaults import DEFAULTS, faults, policies, use_cases
from sixgate_airflow.ingest import ingest_schedule, ingest_tasks
from sixgate_airflow.links import PageLink, ResultLink
from sixgate_airflow.notify import notify
from sixgate_airflow.params import refuse_unknown, run_params
from sixgate_airflow.resume import resume_promotion
from sixgate_airflow.step import ReviewOperator, StepOperator, step

__all__ = [
    "DEFAULTS",
    "CommandOperator",
    "PageLink",
    "ResultLink",
    "ReviewOperator",
    "StepOperator",
    "candidate_asset",
    "drift_asset",
    "faults",
    "ingest_schedule",
    "ingest_tasks",
    "notify",
    "policies",
    "refuse_unknown",
    "resume_promotion",
    "rollback_asset",
    "run_params",
    "step",
    "use_cases",
]
