"""Roll back to a former Production model: select it, verify it and switch to it.

Triggered by the rollback asset when a new champion performs worse than promised, or by a person.
Triggers no other DAG: the scoring servers read the version from the database and acknowledge it.

A rollback never waits for a review. Every use case has this DAG, even one with an invalid policy.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, rollback_asset, run_params, step, use_cases

SELECTED = ("version", "from_version", "reason")
TARGET = {
    name: f"{{{{ ti.xcom_pull(task_ids='select_rollback')['{name}'] }}}}" for name in SELECTED
}


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
            >> step("final_validation", use_case, take={"version": TARGET["version"]})
            >> step("promote", use_case, take=TARGET)
        )
    return dag


for use_case in use_cases():
    globals()[f"{use_case}_rollback"] = build(use_case)
