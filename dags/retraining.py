"""Train a challenger and judge it with the six gates.

Triggered by a weekly schedule, by the drift asset, or by a person. An APPROVED verdict emits the
candidate asset, which triggers `<use_case>_promotion`.

Every run records a decision, with the reason if it stops earlier: see `sixgate decisions list`.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable
from sixgate_airflow import (
    DEFAULTS,
    ResultLink,
    candidate_asset,
    drift_asset,
    policies,
    run_params,
    step,
)

from pipelines.rules.use_case.policy import Policy

MODEL = ResultLink("Model in MLflow", "page")


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
            >> step("train", policy, link=MODEL)
            >> step("shadow_evaluate", policy)
            # Skipped, and emits no asset, unless the verdict is APPROVED.
            >> step("approve", policy, outlets=[candidate_asset(policy)])
        )
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_retraining"] = build(policy)
