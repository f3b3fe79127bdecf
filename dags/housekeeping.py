"""Export the audit trail, and delete rows, files and Airflow runs past their retention.

Creates the partitions of the next days.

Triggered once a day. Triggers no other DAG.
"""

from pathlib import Path

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from sixgate_airflow import DEFAULTS, CommandOperator, refuse_unknown

SQL = Path(__file__).parents[1] / "sql" / "housekeeping"
DAYS_AHEAD = 10
AIRFLOW_DAYS = 90

with DAG(
    "housekeeping",
    schedule="30 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    doc_md=__doc__,
    template_searchpath=str(SQL),
    tags=["housekeeping"],
) as dag:
    partitions = SQLExecuteQueryOperator(
        task_id="partitions",
        conn_id="sixgate",
        sql="partitions.sql",
        parameters={"days": DAYS_AHEAD},
        pre_execute=refuse_unknown("housekeeping"),
    )
    audit = CommandOperator(
        task_id="audit",
        arguments=["housekeeping", "audit"],
    )
    retention = CommandOperator(
        task_id="retention",
        arguments=["housekeeping", "retention"],
    )
    files = CommandOperator(
        task_id="files",
        arguments=["housekeeping", "files"],
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
    # Nothing is deleted before it is in the audit trail.
    partitions >> audit >> retention >> files >> clean_airflow
