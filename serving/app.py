"""Creates the application: the routes of every use case, and the threads beside them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import move_on_after, sleep
from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pipelines.settings import Settings
from pipelines.stores.registry_client import RegistryClient
from serving import openapi
from serving.background.contract_watcher import ContractWatcher
from serving.background.heartbeat import Heartbeat
from serving.background.model_watcher import ModelWatcher
from serving.background.reloader import Reloader
from serving.background.shipper import Shipper, Syncer
from serving.background.use_case_watcher import UseCaseWatcher
from serving.background.watchers import UseCaseWatchers, Watchers
from serving.hot_path import HotPath, Routing
from serving.metrics.access_log import AccessLog
from serving.metrics.worker_metrics import MetricSnapshots
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry, RegistryReader
from serving.routes import (
    explain,
    explanations,
    health,
    jobs,
    labels,
    live,
    model,
    predict,
    predictions,
)
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.use_cases import Scorers
from serving.wire import problems

REGISTRY_TIMEOUT = 5.0
# Seconds to wait for models at start; when the database or MLflow is down, none will come.
FIRST_MODELS = 10.0
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["X-API-Key", "X-Request-ID", "Content-Type", "Idempotency-Key"],
    "expose_headers": ["X-Request-ID", "Retry-After", "Idempotency-Replayed"],
}
DESCRIPTION = (
    "Scores rows with the model that is Production in MLflow. A promotion replaces the model "
    "without dropping a request. The WebSocket `/v1/{use_case}/live?sample=0.1` sends a sample of "
    "the predictions, model reloads and alerts as they happen; its messages have the schemas "
    "`Live…`."
)
USE_CASE_ROUTES = (predict, explain, labels, predictions, explanations, jobs, model, live)
BackgroundThread = (
    UseCaseWatcher | Reloader | Heartbeat | Syncer | Shipper | AccessLog | MetricSnapshots
)


def create_app(settings: Settings, *, shared: Path | None = None) -> ASGIApp:
    """Create the application; its threads start and stop with it.

    `shared` is the folder in which several workers exchange their metrics.
    """
    source = registry(settings)
    service = Service(settings, source, shared=shared)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threads = _start(service, source)
        if shared:
            await _first_models(service)
        yield
        await service.explainer.stop()
        for thread in threads:
            await run_sync(thread.stop)
        service.journal.close()

    return build(service, lifespan)


async def _first_models(service: Service) -> None:
    """Wait until the model of every use case was looked up.

    Workers share one address: without this wait, a worker that has just started would answer 503
    to requests that the others can answer.
    """
    with move_on_after(FIRST_MODELS):
        while not all(scorer.model or scorer.looked_up for scorer in service.scorers):
            await sleep(0.02)


def registry(settings: Settings) -> RegistryReader:
    """Return the registry of the settings: a folder, or else MLflow."""
    if settings.model_folder:
        return FolderRegistry(settings.model_folder)
    return RegistryClient.of(settings, timeout=REGISTRY_TIMEOUT)


def build(service: Service, lifespan: object = None) -> ASGIApp:
    """Create the ASGI application of a service, without starting threads.

    Its routing is replaced as a whole whenever use cases are taken up.
    """
    # By scorer, not by name: routes never belong to another scorer than the one that is served.
    routers: dict[UseCaseScorer, APIRouter] = {}

    def routing(scorers: Scorers) -> Routing:
        nonlocal routers
        routers = {scorer: routers.get(scorer) or _routes_of(service, scorer) for scorer in scorers}
        return Routing.of(_application(service, routers, lifespan))

    def publish(scorers: Scorers) -> None:
        new = routing(scorers)
        new.app.openapi()  # here, because it takes long, and shows what can't be documented
        hot_path.routing = new

    hot_path = HotPath(service, routing(service.scorers))
    service.use_cases.publish = publish
    origins = [origin.strip() for origin in service.settings.cors_origins.split(",")]
    origins = [origin for origin in origins if origin]
    return CORSMiddleware(hot_path, allow_origins=origins, **CORS) if origins else hot_path


def _routes_of(service: Service, scorer: UseCaseScorer) -> APIRouter:
    router = APIRouter()
    for module in USE_CASE_ROUTES:
        router.include_router(module.routes(service, scorer))
    return router


def _application(
    service: Service, routers: Mapping[UseCaseScorer, APIRouter], lifespan: object
) -> FastAPI:
    """Create FastAPI's application of some use cases."""
    app: FastAPI = FastAPIOffline(
        title="Sixgate scoring server",
        description=DESCRIPTION,
        version="0.1.0",
        redoc_url=None,  # its page would load a picture from another host
        lifespan=lifespan,
    )
    app.state.use_cases = [scorer.use_case for scorer in routers]
    app.state.unusable = service.use_cases.unusable
    for scorer, router in routers.items():
        prefix = f"/v1/{scorer.use_case}"
        app.include_router(router, prefix=prefix, tags=[scorer.contract.title])
    app.include_router(health.routes(service), tags=["Health"])
    problems.install(app)
    openapi.install(app, tuple(routers))
    return app


def _start(service: Service, registry: RegistryReader) -> list[BackgroundThread]:
    """Start the threads.

    They are stopped in the order of the list: the shipper comes late, because it ships what the
    others leave.
    """
    use_cases = service.use_cases
    heartbeat = Heartbeat(
        settings=service.settings,
        replica=service.replica,
        scorers=lambda: use_cases.scorers,
        drift=service.drift,
    )

    def watchers_of(scorer: UseCaseScorer) -> UseCaseWatchers:
        model = ModelWatcher(
            scorer=scorer,
            registry=registry,
            cache=ModelCache(service.settings.home / "models" / scorer.use_case),
            metrics=service.metrics,
            changed=heartbeat.now,
        )
        return UseCaseWatchers(model, ContractWatcher(scorer, service, heartbeat.now))

    threads: list[BackgroundThread] = [
        UseCaseWatcher(service, heartbeat.now),
        Reloader(service.settings, Watchers(lambda: use_cases.scorers, watchers_of)),
        heartbeat,
        Syncer(service.journal),
        Shipper(service.settings, service.journal, service.metrics),
        service.access,
    ]
    if service.snapshots:
        threads.append(service.snapshots)
    for thread in threads:
        thread.start()
    return threads
