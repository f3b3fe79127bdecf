"""Promote an approved challenger to Production: review it if required, verify it and switch to it.

Triggered by the candidate asset, or by a person with the id of a decision. Triggers no other DAG:
the scoring servers read the new version from the database.

A person reviews the decision if the policy or the run requires it. Several reviews may be open at
the same time: a newer approved candidate supersedes an older one, whose promotion is then refused
with that reason.
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
        review = review_task(policy)
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


def review_task(policy: Policy) -> ReviewOperator:
    """Return the task that waits for a person's answer."""
    comment = Param(
        "",
        type="string",
        maxLength=2000,
        title="Comment",
        description="Stored with the answer.",
    )
    return ReviewOperator(
        task_id="review",
        use_case=policy.use_case,
        subject=f"Promote decision {DECISION} of {policy.use_case}?",
        body=CARD,
        params={"comment": comment},
        # After the timeout: a review without an answer is a rejection. Without a default it fails.
        defaults="Reject",
        response_timeout=policy.review.timeout,
        # A rejection skips all following tasks, whatever their trigger rules are.
        ignore_downstream_trigger_rules=True,
        execution_timeout=None,
        take={"decision_id": DECISION},
    )


for policy in policies():
    globals()[f"{policy.use_case}_promotion"] = build(policy)
