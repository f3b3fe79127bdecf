"""Routes of the drift page. Airflow authenticates nobody for a plugin: each asks for the session and the DAG's permission."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from drift_page.view import view
from pipelines.errors import EvidenceError
from pipelines.rules.alarms import driving
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection, connect
from pipelines.stores.monitoring import MetricStore
from pipelines.use_case import names, read_policy

SHOWN_ALERTS = 30
OURS = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
# Evidently's page is one file full of scripts; it runs without an origin, so without the session, and reaches nothing.
EVIDENTLY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


def create_app(settings: Settings) -> FastAPI:
    """Build the app; nothing connects before a request comes."""
    app = FastAPI(title="Sixgate drift", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)

    def connection() -> Iterator[Connection]:
        with connect(settings, autocommit=True) as opened:
            yield opened

    ConnectionDep = Annotated[Connection, Depends(connection)]

    @app.get("/")
    def index(user: GetUserDep) -> RedirectResponse:
        """Lead to the first use case whose DAG the user may see."""
        for name in names(settings.reference):
            if _allowed(user, name, "GET"):
                return RedirectResponse(f"{name}/")
        raise HTTPException(403, "you may see no use case's DAG")

    @app.get("/{use_case}/")
    def page(use_case: str, user: GetUserDep, database: ConnectionDep) -> HTMLResponse:
        """Show one use case."""
        _require(settings, user, use_case, "GET")
        metrics, policy = MetricStore(database), read_policy(settings.reference / use_case, settings.policy_overlay)
        figures = metrics.latest(use_case)
        shown = view(
            alerts=AlertStore(database).recent(use_case, limit=SHOWN_ALERTS), figures=figures,
            version=driving(figures, policy), days=metrics.days(use_case),
            history=metrics.history(use_case, training=policy.drift.reference == "training"),
        )  # fmt: skip
        use_cases = [name for name in names(settings.reference) if _allowed(user, name, "GET")]
        may = _allowed(user, use_case, "POST")
        text = templates.get_template("page.html").render(use_case=use_case, use_cases=use_cases, may=may, **shown)
        return HTMLResponse(text, headers={"Content-Security-Policy": OURS, "Cache-Control": "no-store"})

    @app.get("/{use_case}/reports/{name}")
    def report(use_case: str, name: str, user: GetUserDep) -> Response:
        """Show Evidently's page of a check."""
        _require(settings, user, use_case, "GET")
        if not fnmatch(name, "drift-*.html.gz"):
            raise HTTPException(404, f"{name!r} is no page of a check")
        try:
            content = Artifacts.of(settings, use_case).read_report(name)
        except EvidenceError as error:
            raise HTTPException(404, str(error)) from error
        headers = {"Content-Encoding": "gzip", "Content-Security-Policy": EVIDENTLY, "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    @app.post("/{use_case}/alerts/{alert_id}/acknowledge")
    def acknowledge(
        use_case: str, alert_id: int, request: Request, user: GetUserDep, database: ConnectionDep,
        comment: Annotated[str, Form(max_length=2000)] = "",
    ) -> RedirectResponse:  # fmt: skip
        """Note that the user knows of an alert."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "a form of another site may not acknowledge")
        _require(settings, user, use_case, "POST")
        try:
            AlertStore(database).acknowledge(use_case, alert_id, user.get_name(), comment.strip() or None)
        except EvidenceError as error:
            raise HTTPException(409, str(error)) from error
        return RedirectResponse("../../", status_code=303)

    return app


def _require(settings: Settings, user: Any, use_case: str, method: str) -> None:
    if use_case not in names(settings.reference):
        raise HTTPException(404, f"there is no use case {use_case!r}")
    if not _allowed(user, use_case, method):
        raise HTTPException(403, f"you may not {'see' if method == 'GET' else 'run'} the DAG {use_case}_drift_detection")


def _allowed(user: Any, use_case: str, method: str) -> bool:
    """Who may see the DAG may see the page; who may run it may acknowledge."""
    details = DagDetails(id=f"{use_case}_drift_detection")
    return bool(
        get_auth_manager().is_authorized_dag(method=method, access_entity=DagAccessEntity.RUN, details=details, user=user)
    )
