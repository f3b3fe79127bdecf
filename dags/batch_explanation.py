"""Explain logged predictions: compute SHAP contributions with the model version that scored them.

Triggered every 15 minutes, or by a person. Triggers no other DAG.

Explanations are available over the API, with `sixgate explain` and under Browse → Explanations.
Predictions are explained in chunks; Airflow runs and retries each chunk as one mapped task.
"""

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, PageLink, StepOperator, policies, run_params, step

from pipelines.rules.use_case.policy import Policy

EXPLANATIONS = PageLink("Explanations", "explanations")


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
        # A teardown also runs when chunks failed, and the run's state is then that of the chunks.
        summarise = step("summarise", policy, link=EXPLANATIONS).as_teardown(setups=plan)
        plan >> explain >> summarise
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_batch_explanation"] = build(policy)
