"""Keep the databases in shape: partitions ahead of time, rows no longer than the policies keep them, old Airflow runs gone.

Woken by the clock once a day; wakes nothing.
"""

from datetime import timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, every_policy, refuse_unknown

PARTITIONS_AHEAD = 10
AIRFLOW_DAYS = 90
THIN_DAYS = 2  # from which on one check of each window is enough

with DAG(
    "housekeeping",
    schedule="30 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["housekeeping"],
) as dag:
    keep = every_policy()
    predictions = max(
        (policy.retention.predictions for policy in keep), default=timedelta(days=400)
    )
    metrics = max((policy.retention.metrics for policy in keep), default=timedelta(days=400))
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
        # Airflow hides its own database from tasks; this one is handed the address under another name.
        bash_command="AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=$SIXGATE_AIRFLOW_DATABASE_URL airflow db clean --yes --skip-archive "
        f"--clean-before-timestamp '{{{{ (dag_run.run_after - macros.timedelta(days={AIRFLOW_DAYS})).isoformat() }}}}'",
        append_env=True,
    )
    partitions >> retention >> clean_airflow
