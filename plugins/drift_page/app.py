"""Routes of the drift page."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Form, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sixgate_pages.app import PageContext, page_app
from sixgate_pages.visit import Database, FormVisit, PageVisit, Visit

from drift_page.view import view
from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.alert_rules import reference_version
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.training.reference_rows import reference_note
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.stores.ledger import Ledger
from pipelines.stores.metrics import MetricStore

ALERT_LIMIT = 30
# Evidently's page is one file with many scripts. In a sandbox it has no origin, so it has no access
# to the session, and it may load nothing.
EVIDENTLY = (
    "sandbox allow-scripts; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
EVIDENTLY_HEADERS = {
    "Content-Encoding": "gzip",
    "Content-Security-Policy": EVIDENTLY,
    "X-Content-Type-Options": "nosniff",
}
routes = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """Return the app of the page."""
    context = PageContext(settings, "drift_detection", Path(__file__).parent)
    return page_app("Sixgate drift", routes, context)


@routes.get("/{use_case}/")
def show(visit: Visit, connection: Database) -> HTMLResponse:
    """Show one use case."""
    return visit.render(
        "page.html",
        use_cases=visit.use_cases,
        may=visit.may_act,
        **_page_values(visit, connection),
    )


@routes.get("/{use_case}/reports/{name}")
def report(visit: Visit, name: str) -> Response:
    """Show Evidently's page of a drift check."""
    content = _read_report(visit, name)
    return Response(content, media_type="text/html; charset=utf-8", headers=EVIDENTLY_HEADERS)


@routes.post("/{use_case}/alerts/{alert_id}/acknowledge")
def acknowledge(
    visit: FormVisit,
    alert_id: int,
    connection: Database,
    comment: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    """Acknowledge an open alert."""
    alerts = AlertStore(connection)
    name = visit.user.get_name()
    try:
        alerts.acknowledge(visit.use_case, alert_id, name, comment.strip() or None)
    except EvidenceError as error:
        raise HTTPException(409, str(error)) from error
    return RedirectResponse("../../", status_code=303)


def _page_values(visit: PageVisit, connection: Connection) -> dict[str, Any]:
    """Return the template's values for one use case."""
    use_case = visit.use_case
    policy = visit.in_force().policy
    metrics = MetricStore(connection)
    served = champion(Ledger(connection).recent(use_case))
    decision = DecisionStore(connection).of_version(use_case, served.version) if served else None
    latest = metrics.latest(use_case)
    return view(
        alerts=AlertStore(connection).recent(use_case, limit=ALERT_LIMIT),
        metrics=latest,
        version=reference_version(latest, policy),
        statistics=installed_statistics(),
        days=metrics.days(use_case),
        history=metrics.history(
            use_case,
            metric=SIZE.name,
            training=policy.drift.reference == "training",
        ),
        champion=served.version if served else None,
        reference_note=reference_note(decision.dataset) if decision else None,
    )


def _read_report(visit: PageVisit, name: str) -> bytes:
    """Return a drift check's report; 404 if there is none of that name."""
    if not fnmatch(name, "drift-*.html.gz"):
        raise HTTPException(404, f"{name!r} is not the report of a drift check")
    try:
        return Artifacts.of(visit.settings, visit.use_case).read_report(name)
    except EvidenceError as error:
        raise HTTPException(404, str(error)) from error
