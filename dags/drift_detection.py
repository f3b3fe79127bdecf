"""Ask every 5 minutes whether live traffic still looks like the baseline.

Woken by the clock. Severe drift wakes `<use_case>_retraining` through the drift asset.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, drift_asset, policies, step

from pipelines.rules.policy import Policy


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_drift_detection",
        schedule=policy.drift.schedule,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        doc_md=__doc__,
        tags=[policy.use_case, "drift"],
    ) as dag:
        (
            step("roll_up", policy)
            >> step("measure", policy)
            >> step("alert", policy)
            >> step("wake_retraining", policy, outlets=[drift_asset(policy)])  # exits 99, skipped, unless severe
        )
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_drift_detection"] = build(policy)
