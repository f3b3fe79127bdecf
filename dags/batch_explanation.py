"""Explain logged predictions: SHAP contributions by the very model version that scored them.

Woken by the clock every 15 minutes, or by a person. It wakes nothing; explanations are read over the API, by
`sixgate explain` and under Browse → Explanations. A chunk is the unit of work and of retry, for whatever executor Airflow has.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, StepOperator, policies, run_params, step

from pipelines.rules.use_case.policy import Policy


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_batch_explanation",
        schedule=policy.explanation.schedule,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        params=run_params("batch_explanation"),
        doc_md=__doc__,
        tags=[policy.use_case, "explanation"],
    ) as dag:
        plan = step("plan", policy)
        explain = StepOperator.partial(
            task_id="explain",
            step_name="explain",
            use_case=policy.use_case,
            retries=policy.explanation.attempts - 1,
        ).expand(take=plan.output)  # a list of {chunk: its name}
        # A teardown runs when chunks failed, too, and leaves the run's state to them.
        (
            plan
            >> explain
            >> step("summarise", policy, page_link="Explanations").as_teardown(setups=plan)
        )
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_batch_explanation"] = build(policy)
