"""Make a former Production model Production again: proven once more, swapped, acknowledged by every replica.

Woken by the rollback asset, when a new champion breaks its promise, or by a person. It wakes nothing, and never waits behind
a review: replicas learn of the switch from the database.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, policies, rollback_asset, run_params, step

from pipelines.rules.policy import Policy

FOUND = {name: f"{{{{ ti.xcom_pull(task_ids='check')['{name}'] }}}}" for name in ("version", "from_version", "reason")}


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_rollback",
        schedule=[rollback_asset(policy)],
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        params=run_params("rollback"),
        doc_md=__doc__,
        tags=[policy.use_case, "promotion"],
    ) as dag:
        (
            step("check", policy)
            >> step("final_validation", policy, take={"version": FOUND["version"]})
            >> step("promote", policy, take=FOUND)
        )
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_rollback"] = build(policy)
