"""Import labelled history and labels that are new in the team's own database or folder.

Triggered by the schedule of the policy, by an asset of the team, or by a person. Triggers no other
DAG: the next retraining trains on what was imported.

There is no such DAG for a use case whose policy names no source under `ingest`.
"""

from datetime import timedelta

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, ingest_schedule, ingest_tasks, policies, run_params

from pipelines.rules.use_case.policy import Policy

# A database that does not answer is asked again for half an hour.
RETRIES = {
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
}


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_ingest",
        schedule=ingest_schedule(policy),
        catchup=False,
        max_active_runs=1,
        default_args={**DEFAULTS, **RETRIES},
        params=run_params("ingest"),
        doc_md=__doc__,
        tags=[policy.use_case, "ingest"],
    ) as dag:
        ingest_tasks(policy)
    return dag


for policy in policies():
    if policy.ingest.is_set:
        globals()[f"{policy.use_case}_ingest"] = build(policy)
