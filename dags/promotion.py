"""Make an approved challenger Production: reviewed by a person when the policy or the run asks, proven once more, swapped.

Woken by the candidate asset, or by a person with a decision's number. It wakes nothing: replicas learn of the switch from
the database. A newer approved candidate supersedes an older one, whose promotion then refuses with that reason; so reviews
may wait side by side.
"""

from airflow.sdk import DAG, Param, TriggerRule
from sixgate_airflow import DEFAULTS, ReviewOperator, candidate_asset, policies, run_params, step

from pipelines.rules.use_case.policy import Policy

DECISION = "{{ ti.xcom_pull(task_ids='needs_review')['decision_id'] }}"
EVIDENCE = "{{ ti.xcom_pull(task_ids='needs_review')['evidence_hash'] }}"
CARD = "{{ ti.xcom_pull(task_ids='needs_review')['card'] }}"


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_promotion",
        schedule=[candidate_asset(policy)],
        catchup=False,
        max_active_runs=16,
        default_args=DEFAULTS,
        params=run_params("promotion"),
        doc_md=__doc__,
        tags=[policy.use_case, "promotion"],
    ) as dag:
        needs_review = step("needs_review", policy, branch=True)
        review = ReviewOperator(
            task_id="review",
            use_case=policy.use_case,
            subject=f"Promote decision {DECISION} of {policy.use_case}?",
            body=CARD,
            params={
                "comment": Param(
                    "",
                    type="string",
                    maxLength=2000,
                    title="Comment",
                    description="Kept with the answer.",
                )
            },
            defaults="Reject",  # silence must not approve, and without a default it would fail
            response_timeout=policy.review.timeout,
            ignore_downstream_trigger_rules=True,  # a rejection skips everything, whatever trigger rules say
            execution_timeout=None,
            take={"decision_id": DECISION},
        )
        final_validation = step(
            "final_validation",
            policy,
            take={"decision_id": DECISION},
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )
        promote = step("promote", policy, take={"decision_id": DECISION, "evidence_hash": EVIDENCE})
        needs_review >> [review, final_validation]
        review >> final_validation >> promote
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_promotion"] = build(policy)
