"""The plugin that adds the drift page and its entry in the navigation.

Every Airflow process imports this module, so it imports little itself.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class DriftPage(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed
    """`Drift` in the navigation."""

    name = "sixgate_drift_page"
    external_views = [  # noqa: RUF012  # Airflow expects a list
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
        """Built when the API server reads it; other processes do not."""
        from drift_page.app import create_app
        from pipelines.settings import Settings

        return [
            {
                "app": create_app(Settings.load()),
                "url_prefix": "/sixgate/drift",
                "name": "Sixgate drift",
            }
        ]
