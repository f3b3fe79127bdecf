"""The FastAPI app of a page, which answers to people who are signed in to Airflow only."""

from pathlib import Path
from typing import Annotated, Any

import psycopg
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.settings import Settings
from pipelines.stores.database import connect
from pipelines.stores.ledger import Ledger
from pipelines.use_case import chosen
from sixgate_pages.access import HEADERS, Access


class PageContext:
    """What the routes of one page share: settings, rights and templates."""

    def __init__(self, settings: Settings, kind: str, folder: Path) -> None:
        self.settings = settings
        self.access = Access(settings, kind)
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
        )

    def render(self, template: str, **values: Any) -> HTMLResponse:
        """Return a template of the page's folder, filled with values."""
        text = self._templates.get_template(template).render(**values)
        return HTMLResponse(text, headers=HEADERS)


def page_app(title: str, routes: APIRouter, page: PageContext) -> FastAPI:
    """Return the app of a page; it connects to the database only during a request.

    Every route requires Airflow's session, and `/` redirects to a use case. Routes take a Visit or
    a FormVisit, which also check what the person may see and do.
    """
    app = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(get_user)],
    )
    app.state.page = page
    app.add_api_route("/", _first, methods=["GET"])
    app.include_router(routes)
    return app


def page_of(request: Request) -> PageContext:
    """Return the page that a request is for."""
    page: PageContext = request.app.state.page
    return page


PageDep = Annotated[PageContext, Depends(page_of)]


def _first(user: GetUserDep, page: PageDep) -> RedirectResponse:
    """Redirect to the first use case whose DAG the user may see; those with a model come first."""
    return page.access.first(user, in_use=_in_use(page.settings))


def _in_use(settings: Settings) -> list[str]:
    """Return the use cases that had a model; none when the database does not answer."""
    names = chosen(settings.reference, settings.use_cases)
    try:
        with connect(settings) as connection:
            ledger = Ledger(connection)
            return [name for name in names if ledger.newest(name)]
    except psycopg.Error:
        return []
