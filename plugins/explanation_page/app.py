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

SHOWN = 20


def create_app(settings: Settings) -> FastAPI:
    """Build the app; nothing connects before a request comes."""
    app = FastAPI(title="Sixgate explanations", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    access = Access(settings, "batch_explanation")
    ConnectionDep = Annotated[Connection, Depends(database(settings))]

    def page(template: str, **shown: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(template).render(**shown), headers=HEADERS)

    def in_force(use_case: str) -> UseCase:
        return read_in_force(
            settings.reference, use_case, settings.policy_overlay, settings.last_valid
        )

    @app.get("/")
    def index(user: GetUserDep) -> RedirectResponse:
        """Lead to the first use case whose DAG the user may see."""
        return access.first(user)

    @app.get("/{use_case}/")
    def show(use_case: str, user: GetUserDep, connection: ConnectionDep) -> HTMLResponse:
        """Show one use case: how far explanations are, and what moves each version's scores."""
        access.require(user, use_case, "GET")
        now, store, models = datetime.now(UTC), ExplanationStore(connection), ModelStore(connection)
        found = store.attributions(use_case, now - PERIOD, now + PERIOD)
        shown = overview(
            counts=store.counts(use_case, now - PERIOD), found=found,
            training={version: models.profile(use_case, version) for version in found},
            pictures=Artifacts.of(settings, use_case).reports("explanations-v*.png"),
        )  # fmt: skip
        return page(
            "page.html", use_case=use_case, use_cases=access.visible(user), recent=store.recent(use_case, limit=SHOWN),
            failures=store.failures(use_case, limit=SHOWN), **shown,
        )  # fmt: skip

    @app.get("/{use_case}/find")
    def find(
        use_case: str, user: GetUserDep, prediction: Annotated[UUID, Query()]
    ) -> RedirectResponse:
        """Lead to a prediction that was typed in."""
        access.require(user, use_case, "GET")
        return RedirectResponse(f"predictions/{prediction}", status_code=303)

    @app.get("/{use_case}/predictions/{prediction_id}")
    def explain(
        use_case: str, prediction_id: UUID, user: GetUserDep, connection: ConnectionDep
    ) -> HTMLResponse:
        """Show why one prediction came out as it did."""
        access.require(user, use_case, "GET")
        prediction = _prediction(connection, use_case, prediction_id)
        known = ExplanationStore(connection).get(use_case, prediction_id)
        contract = ModelStore(connection).contract(
            prediction.contract_hash, in_force(use_case).contract
        )
        shown = prediction_view(contract, prediction, known)
        may = access.allowed(user, use_case, "POST")
        return page(
            "prediction.html",
            use_case=use_case,
            prediction=prediction,
            known=known,
            may=may,
            **shown,
        )

    @app.post("/{use_case}/predictions/{prediction_id}/ask")
    def ask(
        use_case: str, prediction_id: UUID, request: Request, user: GetUserDep, connection: ConnectionDep
    ) -> RedirectResponse:  # fmt: skip
        """Put a prediction ahead in the queue."""
        access.require_own_form(request, user, use_case)
        policy = in_force(use_case).policy.explanation
        prediction = _prediction(connection, use_case, prediction_id)
        ExplanationStore(connection).request(prediction, select=policy.select, sample=policy.sample)
        return RedirectResponse(f"../{prediction_id}", status_code=303)

    @app.get("/{use_case}/pictures/{name}")
    def picture(use_case: str, name: str, user: GetUserDep) -> Response:
        """Show one of the pictures."""
        access.require(user, use_case, "GET")
        if not fnmatch(name, "explanations-v*.png"):
            raise HTTPException(404, f"{name!r} is no picture of explanations")
        try:
            content = Artifacts.of(settings, use_case).read_report(name)
        except EvidenceError as error:
            raise HTTPException(404, str(error)) from error
        return Response(
            content, media_type="image/png", headers=HEADERS | {"X-Content-Type-Options": "nosniff"}
        )

    return app


def _prediction(connection: Connection, use_case: str, prediction_id: UUID) -> Prediction:
    try:
        return PredictionLog(connection).get(use_case, prediction_id)
    except UnknownPrediction as error:
        raise HTTPException(404, str(error)) from error
