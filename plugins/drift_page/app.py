"""Routes of the drift page."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sixgate_airflow.access import HEADERS, Access, database

from drift_page.view import view
from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.alert_rules import reference_version
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.stores.metrics import MetricStore
from pipelines.use_case import read_in_force

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


def create_app(settings: Settings) -> FastAPI:
    """Return the app; it connects to the database only during a request."""
    app = FastAPI(
        title="Sixgate drift",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
    )
    access = Access(settings, "drift_detection")
    ConnectionDep = Annotated[Connection, Depends(database(settings))]

    @app.get("/")
    def index(user: GetUserDep) -> RedirectResponse:
        """Redirect to the first use case whose DAG the user may see."""
        return access.first(user)

    @app.get("/{use_case}/")
    def page(use_case: str, user: GetUserDep, connection: ConnectionDep) -> HTMLResponse:
        """Show one use case."""
        access.require(user, use_case, "GET")
        text = templates.get_template("page.html").render(
            use_case=use_case,
            use_cases=access.visible(user),
            may=access.allowed(user, use_case, "POST"),
            **_page_values(settings, connection, use_case),
        )
        return HTMLResponse(text, headers=HEADERS)

    @app.get("/{use_case}/reports/{name}")
    def report(use_case: str, name: str, user: GetUserDep) -> Response:
        """Show Evidently's page of a drift check."""
        access.require(user, use_case, "GET")
        content = _read_report(settings, use_case, name)
        return Response(content, media_type="text/html; charset=utf-8", headers=EVIDENTLY_HEADERS)

    @app.post("/{use_case}/alerts/{alert_id}/acknowledge")
    def acknowledge(
        use_case: str,
        alert_id: int,
        request: Request,
        user: GetUserDep,
        connection: ConnectionDep,
        comment: Annotated[str, Form(max_length=2000)] = "",
    ) -> RedirectResponse:
        """Acknowledge an open alert."""
        access.require_own_form(request, user, use_case)
        alerts = AlertStore(connection)
        try:
            alerts.acknowledge(use_case, alert_id, user.get_name(), comment.strip() or None)
        except EvidenceError as error:
            raise HTTPException(409, str(error)) from error
        return RedirectResponse("../../", status_code=303)

    return app


def _page_values(settings: Settings, connection: Connection, use_case: str) -> dict[str, Any]:
    """Return the template's values for one use case."""
    in_force = read_in_force(
        settings.reference,
        use_case,
        settings.policy_overlay,
        settings.last_valid,
    )
    policy = in_force.policy
    metrics = MetricStore(connection)
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
    )


def _read_report(settings: Settings, use_case: str, name: str) -> bytes:
    """Return a drift check's report; 404 if there is none of that name."""
    if not fnmatch(name, "drift-*.html.gz"):
        raise HTTPException(404, f"{name!r} is not the report of a drift check")
    try:
        return Artifacts.of(settings, use_case).read_report(name)
    except EvidenceError as error:
        raise HTTPException(404, str(error)) from error
