"""Score files: those that were uploaded to the scoring server, or one that a person names.

Triggered every five minutes, or by a person. Triggers no other DAG.

The step reads a file in parts, writes all of its columns with the scores, and puts refused rows
into quarantine. A retried task starts a file again and logs no prediction twice.
"""

from datetime import timedelta

from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, policies, run_params, step

from pipelines.rules.use_case.policy import Policy

SCHEDULE = "*/5 * * * *"
LONGEST = timedelta(hours=12)  # for a very large file; uploaded files behind it wait
RETRIES = 2


def build(policy: Policy) -> DAG:
    """Wire the DAG of one use case."""
    with DAG(
        f"{policy.use_case}_batch_scoring",
        schedule=SCHEDULE,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        params=run_params("batch_scoring"),
        doc_md=__doc__,
        tags=[policy.use_case, "scoring"],
    ) as dag:
        step("score_file", policy, retries=RETRIES, execution_timeout=LONGEST)
    return dag


for policy in policies():
    globals()[f"{policy.use_case}_batch_scoring"] = build(policy)
