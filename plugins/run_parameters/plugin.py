"""The plugin that adds the check of run parameters to Airflow's API server.

Every Airflow process imports this module, so it imports little itself.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RunParametersPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed
    """Checks the parameters of each run that is started by request."""

    name = "sixgate_run_parameters"

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Built when the API server reads it; other processes do not."""
        from run_parameters.lookup import producer_of, use_cases
        from run_parameters.middleware import RunParameters

        return [
            {
                "middleware": RunParameters,
                "kwargs": {"use_cases": use_cases, "producer_of": producer_of},
                "name": "Sixgate run parameters",
            }
        ]
