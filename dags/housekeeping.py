"""Maintain the databases: create partitions, delete rows past their retention and old Airflow runs.

Triggered once a day. Triggers no other DAG.
"""

from datetime import timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, every_policy, refuse_unknown

PARTITIONS_AHEAD = 10
AIRFLOW_DAYS = 90
THIN_DAYS = 2  # after this, only one drift check of each window is kept

with DAG(
    "housekeeping",
    schedule="30 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["housekeeping"],
) as dag:
    retentions = [policy.retention for policy in every_policy()]
    default = timedelta(days=400)
    predictions = max((retention.predictions for retention in retentions), default=default)
    metrics = max((retention.metrics for retention in retentions), default=default)
    partitions = SQLExecuteQueryOperator(
        task_id="partitions",
        conn_id="sixgate",
        sql="SELECT ensure_partitions(CURRENT_DATE, %(days)s)",
        parameters={"days": PARTITIONS_AHEAD},
        pre_execute=refuse_unknown("housekeeping"),
    )
    retention = SQLExecuteQueryOperator(
        task_id="retention",
        conn_id="sixgate",
        sql=[
            "SELECT drop_partitions(CURRENT_DATE - %(predictions)s)",
            "DELETE FROM monitoring_metrics WHERE at < CURRENT_DATE - %(metrics)s",
            "DELETE FROM feature_rollups WHERE bucket < CURRENT_DATE - %(metrics)s",
            "DELETE FROM score_rollups WHERE bucket < CURRENT_DATE - %(metrics)s",
            "DELETE FROM attribution_rollups WHERE bucket < CURRENT_DATE - %(metrics)s",
            "DELETE FROM explanations WHERE scored_at < CURRENT_DATE - %(predictions)s",
            "SELECT thin_metrics(CURRENT_DATE - %(thin)s)",
        ],
        parameters={"predictions": predictions.days, "metrics": metrics.days, "thin": THIN_DAYS},
    )
    clean_airflow = BashOperator(
        task_id="clean_airflow",
        # Airflow does not give tasks the URL of its database; this task gets it under another name.
        bash_command=(
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=$SIXGATE_AIRFLOW_DATABASE_URL"
            " airflow db clean --yes --skip-archive --clean-before-timestamp "
            f"'{{{{ (dag_run.run_after - macros.timedelta(days={AIRFLOW_DAYS})).isoformat() }}}}'"
        ),
        append_env=True,
    )
    partitions >> retention >> clean_airflow
