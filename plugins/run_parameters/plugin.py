"""What Airflow loads: a middleware of its API server. Every Airflow process imports this, so it is light."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RunParametersPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed here
    """Checks the parameters of each run that somebody starts."""

    name = "sixgate_run_parameters"

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Built when the API server asks, and nowhere else."""
        from run_parameters.lookup import producer_of, use_cases
        from run_parameters.middleware import RunParameters

        return [
            {
                "middleware": RunParameters,
                "kwargs": {"use_cases": use_cases, "producer_of": producer_of},
                "name": "Sixgate run parameters",
            }
        ]
