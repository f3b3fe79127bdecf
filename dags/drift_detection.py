"""Ask every 5 minutes whether live traffic still looks like the baseline.

Woken by the clock. Severe drift wakes `<use_case>_retraining` through the drift asset; a new champion that breaks the promise
of its decision wakes `<use_case>_rollback` through the rollback asset.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, drift_asset, notify, policies, rollback_asset, step

from pipelines.rules.use_case.policy import Policy


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
        alert = step("roll_up", policy) >> step("measure", policy) >> step("alert", policy)
        alert >> notify(policy)  # through Airflow's notifiers; skipped when there is no news
        alert >> step(
            "report", policy, page_link="Drift page"
        )  # exits 99, skipped, unless an alert opened or a day went by
        alert >> step(
            "wake_retraining", policy, outlets=[drift_asset(policy)]
        )  # exits 99, skipped, unless severe
        alert >> step(
            "guard", policy, outlets=[rollback_asset(policy.use_case)]
        )  # exits 99 unless a promise is broken
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_drift_detection"] = build(policy)
