"""`python ask_pages.py`: what Airflow's API server answers on the pages of its plugins folder.

Prints one line of JSON: plugins that can't be loaded, the navigation, each route with its status
without a session, and the answers to users of Airflow's roles.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
from airflow import plugins_manager
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount

NO_PREDICTION = "00000000-0000-7000-8000-000000000000"
VALUES = {
    "{use_case}": "fraud",
    "{alert_id}": "1",
    "{prediction_id}": NO_PREDICTION,
    "{name}": "x",
}
OTHER_SITE = {"sec-fetch-site": "cross-site"}
PREFIX = "/sixgate/"
REQUESTS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "an admin opens the page": ("admin", "GET", "toy/", {}),
    "an admin sees a use case": ("admin", "GET", "toy/fraud/", {}),
    "an admin plays": ("admin", "POST", "toy/fraud/play", {}),
    "an admin plays by another site's form": ("admin", "POST", "toy/fraud/play", OTHER_SITE),
    "an admin sees an unknown use case": ("admin", "GET", "toy/cats/", {}),
    "a viewer sees a use case": ("viewer", "GET", "toy/fraud/", {}),
    "a viewer plays": ("viewer", "POST", "toy/fraud/play", {}),
    "a viewer sees drift": ("viewer", "GET", "drift/fraud/", {}),
    "a viewer acknowledges": ("viewer", "POST", "drift/fraud/alerts/1/acknowledge", {}),
    "an admin acknowledges no alert": ("admin", "POST", "drift/fraud/alerts/1/acknowledge", {}),
    "a viewer opens no report": ("viewer", "GET", "drift/fraud/reports/drift-1.html.gz", {}),
    "a viewer sees explanations": ("viewer", "GET", "explanations/fraud/", {}),
    "a viewer finds a prediction": (
        "viewer",
        "GET",
        f"explanations/fraud/find?prediction={NO_PREDICTION}",
        {},
    ),
    "a viewer opens no prediction": (
        "viewer",
        "GET",
        f"explanations/fraud/predictions/{NO_PREDICTION}",
        {},
    ),
    "a viewer asks for an explanation": (
        "viewer",
        "POST",
        f"explanations/fraud/predictions/{NO_PREDICTION}/ask",
        {},
    ),
    "a viewer opens no plot": ("viewer", "GET", "explanations/fraud/pictures/x.png", {}),
}


def pages(app: FastAPI) -> list[Mount]:
    """Return the pages of Sixgate that Airflow has mounted."""
    mounts = [route for route in app.routes if isinstance(route, Mount)]
    return [mount for mount in mounts if mount.path.startswith(PREFIX)]


def page_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Return method and address of each route of the pages."""
    for page in pages(app):
        for route in page.routes:
            if isinstance(route, APIRoute):
                for method in sorted(route.methods):
                    yield method, page.path + filled(route.path)


def filled(path: str) -> str:
    for name, value in VALUES.items():
        path = path.replace(name, value)
    return path


def sign_in(app: FastAPI, role: str) -> None:
    """Make a user of a role the one whose session every request has."""
    user = SimpleAuthManagerUser(username=role, role=role)
    for page in pages(app):
        page.app.dependency_overrides[get_user] = lambda: user


async def ask(app: FastAPI) -> dict[str, Any]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        without_session = {}
        for method, path in page_routes(app):
            response = await client.request(method, path)
            without_session[f"{method} {path}"] = response.status_code
        answers = {}
        for title, (role, method, path, headers) in REQUESTS.items():
            sign_in(app, role)
            response = await client.request(method, PREFIX + path, headers=headers)
            answers[title] = [response.status_code, response.headers.get("location", response.text)]
    return {"without_session": without_session, "answers": answers}


if __name__ == "__main__":
    airflow_app = create_app()
    views = [
        view["href"]
        for plugin in plugins_manager.get_plugin_info(["external_views"])
        for view in plugin["external_views"]
    ]
    result = {
        "errors": plugins_manager.get_import_errors(),
        "navigation": views,
        **asyncio.run(ask(airflow_app)),
    }
    print(json.dumps(result))
