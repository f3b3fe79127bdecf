"""Compare live traffic with the baseline every 5 minutes, and open alerts.

Triggered by its schedule. Severe drift triggers `<use_case>_retraining` through the drift asset. A
new champion that performs worse than its decision promised triggers `<use_case>_rollback` through
the rollback asset. An approved decision without an active promotion run triggers
`<use_case>_promotion` again through the candidate asset.
"""

from airflow.sdk import DAG
from sixgate_airflow import (
    DEFAULTS,
    PageLink,
    drift_asset,
    notify,
    policies,
    resume_promotion,
    rollback_asset,
    step,
)

from pipelines.rules.use_case.policy import Policy

REPORT = PageLink("Drift page", "drift", "{use_case}/reports/{report}")


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
        # Skipped, and emits no asset, unless an approved decision needs a promotion run. It follows
        # no other task, so that no decision waits because a drift check fails.
        resume_promotion(policy)
        alert = step("roll_up", policy) >> step("measure", policy) >> step("alert", policy)
        # Skipped if no notification is pending.
        alert >> notify(policy)
        # Skipped unless an alert was opened or the last report is a day old.
        alert >> step("report", policy, link=REPORT)
        # Skipped, and emits no asset, unless drift is severe.
        alert >> step("wake_retraining", policy, outlets=[drift_asset(policy)])
        # Skipped, and emits no asset, unless a new champion is worse than promised.
        alert >> step("guard", policy, outlets=[rollback_asset(policy.use_case)])
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_drift_detection"] = build(policy)
