"""Routes of the toy page."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from sixgate_pages.app import PageContext, page_app
from sixgate_pages.visit import FormVisit, Visit

from pipelines.settings import Settings

routes = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """Return the app of the page."""
    context = PageContext(settings, "drift_detection", Path(__file__).parent)
    return page_app("Sixgate toy", routes, context)


@routes.get("/{use_case}/")
def show(visit: Visit) -> HTMLResponse:
    """Show one use case."""
    return visit.render("page.html", use_cases=visit.use_cases, may=visit.may_act)


@routes.post("/{use_case}/play")
def play(visit: FormVisit) -> RedirectResponse:
    """Do what only people who may run the DAG can do."""
    return RedirectResponse("./", status_code=303)
