"""The application: routes for every use case, and the threads beside them for as long as it lives."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import move_on_after, sleep
from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pipelines.settings import Settings
from pipelines.stores.registry_client import RegistryClient
from serving import openapi
from serving.background.heartbeat import Heartbeat
from serving.background.model_watcher import Watch
from serving.background.reloader import Reloader
from serving.background.shipper import Shipper, Syncer
from serving.hot_path import Front
from serving.metrics.access_log import AccessLog
from serving.metrics.worker_metrics import Snapshots
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry, RegistryReader
from serving.routes import explain, explanations, health, labels, live, model, predict, predictions
from serving.service import Service
from serving.wire import problems

REGISTRY_TIMEOUT = 5.0
FIRST_LOOK = 10.0  # seconds; while the database or MLflow is away there is nothing to wait for
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["X-API-Key", "X-Request-ID", "Content-Type"],
    "expose_headers": ["X-Request-ID", "Retry-After"],
}
DESCRIPTION = (
    "Scores with what MLflow calls Production, and follows promotions without dropping a request. The WebSocket "
    "`/v1/{use_case}/live?sample=0.1` sends predictions (a sample), reloads and alerts as they happen: the schemas `Live…`."
)
Worker = Reloader | Heartbeat | Syncer | Shipper | AccessLog | Snapshots
USE_CASE_ROUTES = (predict, explain, labels, predictions, explanations, model, live)

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, shared: Path | None = None) -> ASGIApp:
    """Build the server; its threads start and stop with the application. `shared` is where several workers leave metrics."""
    source = registry(settings)
    service = Service(settings, source, shared=shared)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        crew = _start(service, source)
        if shared:
            await _first_look(service)
        yield
        await service.explainer.stop()
        for thread in crew:
            await run_sync(thread.stop)
        service.journal.close()

    return build(service, lifespan)


async def _first_look(service: Service) -> None:
    """Wait until every use case has a model, or was looked for without finding one.

    Workers share one address. Clients of those that serve must not be answered by one that has just started.
    """
    with move_on_after(FIRST_LOOK):
        while not all(scorer.model or scorer.sought for scorer in service.scorers):
            await sleep(0.02)


def registry(settings: Settings) -> RegistryReader:
    """Where models come from: MLflow, unless the settings name a folder."""
    if settings.model_folder:
        return FolderRegistry(settings.model_folder)
    return RegistryClient.of(settings, timeout=REGISTRY_TIMEOUT)


def build(service: Service, lifespan: object = None) -> ASGIApp:
    """Put the routes of every use case before `service`; nothing runs beside them."""
    app: FastAPI = FastAPIOffline(
        title="Sixgate scoring server",
        description=DESCRIPTION,
        version="0.1.0",
        redoc_url=None,  # its page would load a picture from outside
        lifespan=lifespan,
    )
    app.state.use_cases = [scorer.use_case for scorer in service.scorers]
    for scorer in service.scorers:
        for module in USE_CASE_ROUTES:
            app.include_router(
                module.routes(service, scorer),
                prefix=f"/v1/{scorer.use_case}",
                tags=[scorer.contract.title],
            )
    for name, fault in service.faults.items():
        if name in app.state.use_cases:
            log.warning("%s: %s", name, fault)
            continue
        log.error("%s is not served: %s", name, fault)
        app.include_router(health.unusable(name, fault), prefix=f"/v1/{name}")
    app.include_router(health.routes(service), tags=["Health"])
    problems.install(app)
    openapi.install(app, service.scorers)
    front = Front(app, service, app.routes)
    origins = [
        origin.strip() for origin in service.settings.cors_origins.split(",") if origin.strip()
    ]
    return CORSMiddleware(front, allow_origins=origins, **CORS) if origins else front


def _start(service: Service, registry: RegistryReader) -> list[Worker]:
    """Start the threads; they are stopped in this order, the shipper late because it drains."""
    heartbeat = Heartbeat(service.settings, service.replica, service.scorers, service.drift)
    watches = [
        Watch(
            scorer,
            registry,
            ModelCache(service.settings.home / "models" / scorer.use_case),
            service.metrics,
            heartbeat.now,
        )
        for scorer in service.scorers
    ]
    crew: list[Worker] = [
        Reloader(service.settings, watches),
        heartbeat,
        Syncer(service.journal),
        Shipper(service.settings, service.journal, service.metrics),
        service.access,
        *([service.snapshots] if service.snapshots else []),
    ]
    for thread in crew:
        thread.start()
    return crew
