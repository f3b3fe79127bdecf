"""Routes of the explanation page."""

from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sixgate_pages.access import HEADERS
from sixgate_pages.app import PageContext, page_app
from sixgate_pages.visit import Database, FormVisit, PageVisit, Visit

from explanation_page.view import overview, prediction_view
from pipelines.errors import EvidenceError, UnknownPrediction
from pipelines.records import Prediction
from pipelines.rules.explanation.attribution import PERIOD
from pipelines.rules.training.reference_rows import reference_note
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.models import ModelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.stores.row_conversion import RowConverter

LIST_LENGTH = 20
PICTURE_HEADERS = HEADERS | {"X-Content-Type-Options": "nosniff"}
routes = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """Return the app of the page."""
    context = PageContext(settings, "batch_explanation", Path(__file__).parent)
    return page_app("Sixgate explanations", routes, context)


@routes.get("/{use_case}/")
def show(visit: Visit, connection: Database) -> HTMLResponse:
    """Show the counts of explanations, and the feature importance of each version."""
    values = _page_values(visit, connection)
    return visit.render("page.html", use_cases=visit.use_cases, **values)


@routes.get("/{use_case}/find")
def find(visit: Visit, prediction: UUID) -> RedirectResponse:
    """Redirect to the prediction whose id was entered."""
    return RedirectResponse(f"predictions/{prediction}", status_code=303)


@routes.get("/{use_case}/predictions/{prediction_id}")
def explain(visit: Visit, prediction_id: UUID, connection: Database) -> HTMLResponse:
    """Show the explanation of one prediction."""
    prediction = _prediction(connection, visit.use_case, prediction_id)
    explanation = ExplanationStore(connection).get(visit.use_case, prediction_id)
    current = visit.in_force().contract
    models = ModelStore(connection)
    contract = models.of_version(visit.use_case, prediction.model_version, current)
    converter = RowConverter(contract, models.recorded_contract)
    features = converter.row(prediction.contract_hash, prediction.features)
    decision = DecisionStore(connection).of_version(visit.use_case, prediction.model_version)
    return visit.render(
        "prediction.html",
        prediction=prediction,
        reference_note=reference_note(decision.dataset) if decision else None,
        explanation=explanation,
        may=visit.may_act,
        **prediction_view(contract, features, explanation),
    )


@routes.post("/{use_case}/predictions/{prediction_id}/ask")
def ask(visit: FormVisit, prediction_id: UUID, connection: Database) -> RedirectResponse:
    """Request the explanation of a prediction; it is computed before others."""
    policy = visit.in_force().policy.explanation
    prediction = _prediction(connection, visit.use_case, prediction_id)
    ExplanationStore(connection).request(prediction, select=policy.select, sample=policy.sample)
    return RedirectResponse(f"../{prediction_id}", status_code=303)


@routes.get("/{use_case}/pictures/{name}")
def picture(visit: Visit, name: str) -> Response:
    """Show one of the plots."""
    content = _read_picture(visit, name)
    return Response(content, media_type="image/png", headers=PICTURE_HEADERS)


def _page_values(visit: PageVisit, connection: Connection) -> dict[str, Any]:
    """Return the values of `page.html` for one use case."""
    use_case = visit.use_case
    now = datetime.now(UTC)
    store = ExplanationStore(connection)
    models = ModelStore(connection)
    decisions = DecisionStore(connection)
    attributions = store.attributions(use_case, now - PERIOD, now + PERIOD)
    values = overview(
        counts=store.counts(use_case, now - PERIOD),
        attributions=attributions,
        training={version: models.profile(use_case, version) for version in attributions},
        pictures=Artifacts.of(visit.settings, use_case).reports("explanations-v*.png"),
    )
    values["notes"] = {
        version: reference_note(decision.dataset)
        for version in attributions
        if (decision := decisions.of_version(use_case, version))
    }
    values["recent"] = store.recent(use_case, limit=LIST_LENGTH)
    values["failures"] = store.failures(use_case, limit=LIST_LENGTH)
    return values


def _read_picture(visit: PageVisit, name: str) -> bytes:
    """Return a plot of explanations; 404 if there is none of that name."""
    if not fnmatch(name, "explanations-v*.png"):
        raise HTTPException(404, f"{name!r} is not a plot of explanations")
    try:
        return Artifacts.of(visit.settings, visit.use_case).read_report(name)
    except EvidenceError as error:
        raise HTTPException(404, str(error)) from error


def _prediction(connection: Connection, use_case: str, prediction_id: UUID) -> Prediction:
    try:
        return PredictionLog(connection).get(use_case, prediction_id)
    except UnknownPrediction as error:
        raise HTTPException(404, str(error)) from error
