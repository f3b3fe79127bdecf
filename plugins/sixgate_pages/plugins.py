"""The Airflow plugin of a page: the page itself, and its entry in the navigation.

Every Airflow process imports this module, so it imports little itself.
"""

from functools import cached_property
from importlib import import_module
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sixgate_pages.address import page_address


def page_plugin(*, title: str, page: str, app: str) -> type[AirflowPlugin]:
    """Return the plugin of a page, for the page's `plugin.py`.

    `title` is its name in the navigation, `page` its name in addresses, and `app` the module whose
    `create_app(settings)` returns the FastAPI app.
    """

    class PagePlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not typed
        name = f"sixgate_{page}_page"
        external_views = [  # noqa: RUF012  # Airflow expects a list
            {
                "name": title,
                "href": page_address(page).removeprefix("/"),
                "destination": "nav",
                "category": "browse",
                "url_route": f"sixgate-{page}",
            }
        ]

        @cached_property
        def fastapi_apps(self) -> list[dict[str, Any]]:
            """Built when the API server reads it; other processes do not."""
            from pipelines.settings import Settings

            create_app = import_module(app).create_app
            return [
                {
                    "app": create_app(Settings.load()),
                    "url_prefix": page_address(page).rstrip("/"),
                    "name": f"Sixgate {page}",
                }
            ]

    return PagePlugin
