"""The plugin that adds the request guard to Airflow's API server.

Every Airflow process imports this module, so it imports little itself.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RequestGuardPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed
    """Guards all routes, including those of other plugins."""

    name = "sixgate_request_guard"

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Built when the API server reads it; other processes do not."""
        from airflow.configuration import conf

        from request_guard.middleware import RequestGuard

        base_url = conf.get("api", "base_url", fallback="")
        return [
            {
                "middleware": RequestGuard,
                "kwargs": {"base_url": base_url},
                "name": "Sixgate request guard",
            }
        ]
