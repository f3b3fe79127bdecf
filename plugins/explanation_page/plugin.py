"""What Airflow loads: a page in the navigation, and its app. Every Airflow process imports this, so it is light."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class ExplanationPage(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed here
    """`Explanations` in the navigation."""

    name = "sixgate_explanation_page"
    external_views = [  # noqa: RUF012  # Airflow's own way
        {
            "name": "Explanations", "href": "sixgate/explanations/", "destination": "nav", "category": "browse",
            "url_route": "sixgate-explanations",
        }
    ]  # fmt: skip

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks, and nowhere else."""
        from explanation_page.app import create_app
        from pipelines.settings import Settings

        return [
            {
                "app": create_app(Settings.load()),
                "url_prefix": "/sixgate/explanations",
                "name": "Sixgate explanations",
            }
        ]
