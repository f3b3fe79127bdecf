"""The plugin that adds the explanation page and its entry in the navigation.

Every Airflow process imports this module, so it imports little itself.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class ExplanationPage(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed
    """`Explanations` in the navigation."""

    name = "sixgate_explanation_page"
    external_views = [  # noqa: RUF012  # Airflow expects a list
        {
            "name": "Explanations",
            "href": "sixgate/explanations/",
            "destination": "nav",
            "category": "browse",
            "url_route": "sixgate-explanations",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server reads it; other processes do not."""
        from explanation_page.app import create_app
        from pipelines.settings import Settings

        return [
            {
                "app": create_app(Settings.load()),
                "url_prefix": "/sixgate/explanations",
                "name": "Sixgate explanations",
            }
        ]
