"""Routes of the drift page."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sixgate_airflow.access import HEADERS, Access, database

from drift_page.view import view
from pipelines.errors import EvidenceError
from pipelines.rules.monitoring.alert_rules import reference_version
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.metrics import MetricStore
from pipelines.use_case import read_in_force

SHOWN_ALERTS = 30
# Evidently's page is one file full of scripts; it runs without an origin, so without the session, and reaches nothing.
EVIDENTLY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


def create_app(settings: Settings) -> FastAPI:
    """Build the app; nothing connects before a request comes."""
    app = FastAPI(title="Sixgate drift", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    access = Access(settings, "drift_detection")
    ConnectionDep = Annotated[Connection, Depends(database(settings))]

    @app.get("/")
    def index(user: GetUserDep) -> RedirectResponse:
        """Lead to the first use case whose DAG the user may see."""
        return access.first(user)

    @app.get("/{use_case}/")
    def page(use_case: str, user: GetUserDep, connection: ConnectionDep) -> HTMLResponse:
        """Show one use case."""
        access.require(user, use_case, "GET")
        metrics = MetricStore(connection)
        policy = read_in_force(
            settings.reference, use_case, settings.policy_overlay, settings.last_valid
        ).policy
        figures = metrics.latest(use_case)
        shown = view(
            alerts=AlertStore(connection).recent(use_case, limit=SHOWN_ALERTS), figures=figures,
            version=reference_version(figures, policy), days=metrics.days(use_case),
            history=metrics.history(use_case, training=policy.drift.reference == "training"),
        )  # fmt: skip
        may = access.allowed(user, use_case, "POST")
        text = templates.get_template("page.html").render(
            use_case=use_case, use_cases=access.visible(user), may=may, **shown
        )
        return HTMLResponse(text, headers=HEADERS)

    @app.get("/{use_case}/reports/{name}")
    def report(use_case: str, name: str, user: GetUserDep) -> Response:
        """Show Evidently's page of a check."""
        access.require(user, use_case, "GET")
        if not fnmatch(name, "drift-*.html.gz"):
            raise HTTPException(404, f"{name!r} is no page of a check")
        try:
            content = Artifacts.of(settings, use_case).read_report(name)
        except EvidenceError as error:
            raise HTTPException(404, str(error)) from error
        headers = {
            "Content-Encoding": "gzip",
            "Content-Security-Policy": EVIDENTLY,
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    @app.post("/{use_case}/alerts/{alert_id}/acknowledge")
    def acknowledge(
        use_case: str, alert_id: int, request: Request, user: GetUserDep, connection: ConnectionDep,
        comment: Annotated[str, Form(max_length=2000)] = "",
    ) -> RedirectResponse:  # fmt: skip
        """Note that the user knows of an alert."""
        access.require_own_form(request, user, use_case)
        try:
            AlertStore(connection).acknowledge(
                use_case, alert_id, user.get_name(), comment.strip() or None
            )
        except EvidenceError as error:
            raise HTTPException(409, str(error)) from error
        return RedirectResponse("../../", status_code=303)

    return app
