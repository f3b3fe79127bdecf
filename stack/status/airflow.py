"""What Airflow knows about this deployment's DAGs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from pipelines.settings import Settings
from stack.airflow_client import Airflow

TIMEOUT = 5.0  # seconds; Airflow is slow just after its start, one that is down refuses at once
REQUESTS = 8  # at the same time
# No passwords file yet, no answer, or an answer that is not Airflow's.
UNREADABLE = (httpx.HTTPError, OSError, ValueError, KeyError)

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AirflowState:
    """DAGs and last runs by DAG id, requests to people without an answer, and import errors.

    Each is a JSON object of Airflow's REST API.
    """

    dags: dict[str, Json]
    last_runs: dict[str, Json | None]
    unanswered: list[Json]
    import_errors: list[Json]


def read_airflow(settings: Settings, dag_ids: Sequence[str]) -> AirflowState:
    """Read the state of the DAGs `dag_ids`; raises one of UNREADABLE when Airflow has no answer."""
    airflow = Airflow(settings, timeout=TIMEOUT)
    try:
        dags = {dag["dag_id"]: dag for dag in airflow.dags()}
        listed = [dag_id for dag_id in dag_ids if dag_id in dags]
        with ThreadPoolExecutor(REQUESTS) as pool:
            runs = pool.map(airflow.last_run, listed)
            unanswered = pool.submit(airflow.unanswered)
            import_errors = pool.submit(airflow.import_errors)
            return AirflowState(
                dags=dags,
                last_runs=dict(zip(listed, runs, strict=True)),
                unanswered=unanswered.result(),
                import_errors=import_errors.result(),
            )
    finally:
        airflow.close()
