"""Routes of the explanation page."""

from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sixgate_airflow.access import HEADERS, Access, database

from explanation_page.view import overview, prediction_view
from pipelines.errors import EvidenceError, UnknownPrediction
from pipelines.records import Prediction
from pipelines.rules.explanation.attribution import PERIOD
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.models import ModelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.use_case import UseCase, read_in_force

LIST_LENGTH = 20


def create_app(settings: Settings) -> FastAPI:
    """Return the app; it connects to the database only during a request."""
    app = FastAPI(
        title="Sixgate explanations",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
    )
    access = Access(settings, "batch_explanation")
    ConnectionDep = Annotated[Connection, Depends(database(settings))]

    def page(template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(template).render(**values), headers=HEADERS)

    @app.get("/")
    def index(user: GetUserDep) -> RedirectResponse:
        """Redirect to the first use case whose DAG the user may see."""
        return access.first(user)

    @app.get("/{use_case}/")
    def show(use_case: str, user: GetUserDep, connection: ConnectionDep) -> HTMLResponse:
        """Show the counts of explanations, and the feature importance of each version."""
        access.require(user, use_case, "GET")
        return page(
            "page.html",
            use_case=use_case,
            use_cases=access.visible(user),
            **_page_values(settings, connection, use_case),
        )

    @app.get("/{use_case}/find")
    def find(
        use_case: str, user: GetUserDep, prediction: Annotated[UUID, Query()]
    ) -> RedirectResponse:
        """Redirect to the prediction whose id was entered."""
        access.require(user, use_case, "GET")
        return RedirectResponse(f"predictions/{prediction}", status_code=303)

    @app.get("/{use_case}/predictions/{prediction_id}")
    def explain(
        use_case: str, prediction_id: UUID, user: GetUserDep, connection: ConnectionDep
    ) -> HTMLResponse:
        """Show the explanation of one prediction."""
        access.require(user, use_case, "GET")
        prediction = _prediction(connection, use_case, prediction_id)
        explanation = ExplanationStore(connection).get(use_case, prediction_id)
        current = _in_force(settings, use_case).contract
        contract = ModelStore(connection).contract(prediction.contract_hash, current)
        return page(
            "prediction.html",
            use_case=use_case,
            prediction=prediction,
            explanation=explanation,
            may=access.allowed(user, use_case, "POST"),
            **prediction_view(contract, prediction, explanation),
        )

    @app.post("/{use_case}/predictions/{prediction_id}/ask")
    def ask(
        use_case: str,
        prediction_id: UUID,
        request: Request,
        user: GetUserDep,
        connection: ConnectionDep,
    ) -> RedirectResponse:
        """Request the explanation of a prediction; it is computed before others."""
        access.require_own_form(request, user, use_case)
        policy = _in_force(settings, use_case).policy.explanation
        prediction = _prediction(connection, use_case, prediction_id)
        ExplanationStore(connection).request(prediction, select=policy.select, sample=policy.sample)
        return RedirectResponse(f"../{prediction_id}", status_code=303)

    @app.get("/{use_case}/pictures/{name}")
    def picture(use_case: str, name: str, user: GetUserDep) -> Response:
        """Show one of the plots."""
        access.require(user, use_case, "GET")
        content = _read_picture(settings, use_case, name)
        headers = HEADERS | {"X-Content-Type-Options": "nosniff"}
        return Response(content, media_type="image/png", headers=headers)

    return app


def _page_values(settings: Settings, connection: Connection, use_case: str) -> dict[str, Any]:
    """Return the values of `page.html` for one use case."""
    now = datetime.now(UTC)
    store = ExplanationStore(connection)
    models = ModelStore(connection)
    attributions = store.attributions(use_case, now - PERIOD, now + PERIOD)
    values = overview(
        counts=store.counts(use_case, now - PERIOD),
        attributions=attributions,
        training={version: models.profile(use_case, version) for version in attributions},
        pictures=Artifacts.of(settings, use_case).reports("explanations-v*.png"),
    )
    values["recent"] = store.recent(use_case, limit=LIST_LENGTH)
    values["failures"] = store.failures(use_case, limit=LIST_LENGTH)
    return values


def _in_force(settings: Settings, use_case: str) -> UseCase:
    return read_in_force(settings.reference, use_case, settings.policy_overlay, settings.last_valid)


def _read_picture(settings: Settings, use_case: str, name: str) -> bytes:
    """Return a plot of explanations; 404 if there is none of that name."""
    if not fnmatch(name, "explanations-v*.png"):
        raise HTTPException(404, f"{name!r} is not a plot of explanations")
    try:
        return Artifacts.of(settings, use_case).read_report(name)
    except EvidenceError as error:
        raise HTTPException(404, str(error)) from error


def _prediction(connection: Connection, use_case: str, prediction_id: UUID) -> Prediction:
    try:
        return PredictionLog(connection).get(use_case, prediction_id)
    except UnknownPrediction as error:
        raise HTTPException(404, str(error)) from error
