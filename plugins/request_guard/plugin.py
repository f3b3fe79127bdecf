"""What Airflow loads: a middleware of its API server. Every Airflow process imports this, so it is light."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RequestGuardPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed here
    """Guards every route, Airflow's own and those of other plugins."""

    name = "sixgate_request_guard"

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Built when the API server asks, and nowhere else."""
        from airflow.configuration import conf

        from request_guard.middleware import RequestGuard

        own = {"base_url": conf.get("api", "base_url", fallback="")}
        return [{"middleware": RequestGuard, "kwargs": own, "name": "Sixgate request guard"}]
