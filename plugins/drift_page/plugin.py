"""What Airflow loads: a page in the navigation, and its app. Every Airflow process imports this, so it is light."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class DriftPage(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed here
    """`Drift` in the navigation."""

    name = "sixgate_drift_page"
    external_views = [  # noqa: RUF012  # Airflow's own way
        {
            "name": "Drift",
            "href": "sixgate/drift/",
            "destination": "nav",
            "category": "browse",
            "url_route": "sixgate-drift",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks, and nowhere else."""
        from drift_page.app import create_app
        from pipelines.settings import Settings

        return [
            {
                "app": create_app(Settings.load()),
                "url_prefix": "/sixgate/drift",
                "name": "Sixgate drift",
            }
        ]
