"""Make a former Production model Production again: proven once more, swapped, acknowledged by every replica.

Woken by the rollback asset, when a new champion breaks its promise, or by a person. It wakes nothing, and never waits behind
a review: replicas learn of the switch from the database. It exists for every use case, whatever its policy holds.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, rollback_asset, run_params, step, use_cases

SELECTED = ("version", "from_version", "reason")
FOUND = {name: f"{{{{ ti.xcom_pull(task_ids='select_rollback')['{name}'] }}}}" for name in SELECTED}


def build(use_case: str) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{use_case}_rollback",
        schedule=[rollback_asset(use_case)],
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        params=run_params("rollback"),
        doc_md=__doc__,
        tags=[use_case, "promotion"],
    ) as dag:
        (
            step("select_rollback", use_case)
            >> step("final_validation", use_case, take={"version": FOUND["version"]})
            >> step("promote", use_case, take=FOUND)
        )
    return dag


for use_case in use_cases():
    globals()[f"{use_case}_rollback"] = build(use_case)
