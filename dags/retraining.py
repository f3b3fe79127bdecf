"""Train a challenger and put it before the six gates.

Woken by a weekly cron, by the drift asset, or by a person. An APPROVED verdict emits the candidate asset, which wakes
`<use_case>_promotion`; a run that stops earlier leaves its reason in the decision. Read it with `sixgate decisions`.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable
from sixgate_airflow import DEFAULTS, candidate_asset, drift_asset, policies, run_params, step

from pipelines.rules.use_case.policy import Policy


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_retraining",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(policy.retraining.schedule, timezone="UTC"),
            assets=[drift_asset(policy)],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        params=run_params("retraining"),
        doc_md=__doc__,
        tags=[policy.use_case, "retraining"],
    ) as dag:
        (
            step("check_conditions", policy)
            >> step("validate_data", policy)
            >> step("train", policy, page_link="Model in MLflow")
            >> step("shadow_evaluate", policy)
            >> step(
                "approve", policy, outlets=[candidate_asset(policy)]
            )  # exits 99, skipped, unless APPROVED
        )
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_retraining"] = build(policy)
