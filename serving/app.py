"""Creates the application: the routes of every use case, and the threads beside them."""

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
from serving.background.contract_watcher import ContractWatcher
from serving.background.heartbeat import Heartbeat
from serving.background.model_watcher import ModelWatcher
from serving.background.reloader import Reloader
from serving.background.shipper import Shipper, Syncer
from serving.hot_path import HotPath
from serving.metrics.access_log import AccessLog
from serving.metrics.worker_metrics import MetricSnapshots
from serving.model.model_cache import ModelCache
from serving.model.registry import FolderRegistry, RegistryReader
from serving.routes import explain, explanations, health, labels, live, model, predict, predictions
from serving.service import Service
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
USE_CASE_ROUTES = (predict, explain, labels, predictions, explanations, model, live)
BackgroundThread = Reloader | Heartbeat | Syncer | Shipper | AccessLog | MetricSnapshots

log = logging.getLogger(__name__)


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
    """Create the ASGI application of a service, without starting threads."""
    app: FastAPI = FastAPIOffline(
        title="Sixgate scoring server",
        description=DESCRIPTION,
        version="0.1.0",
        redoc_url=None,  # its page would load a picture from another host
        lifespan=lifespan,
    )
    app.state.use_cases = [scorer.use_case for scorer in service.scorers]
    _add_routes(app, service)
    problems.install(app)
    openapi.install(app, service.scorers)
    hot_path = HotPath(app, service, app.routes)
    origins = [origin.strip() for origin in service.settings.cors_origins.split(",")]
    origins = [origin for origin in origins if origin]
    return CORSMiddleware(hot_path, allow_origins=origins, **CORS) if origins else hot_path


def _add_routes(app: FastAPI, service: Service) -> None:
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
        else:
            log.error("%s is not served: %s", name, fault)
            app.include_router(health.unusable(name, fault), prefix=f"/v1/{name}")
    app.include_router(health.routes(service), tags=["Health"])


def _start(service: Service, registry: RegistryReader) -> list[BackgroundThread]:
    """Start the threads.

    They are stopped in the order of the list: the shipper comes late, because it ships what the
    others leave.
    """
    heartbeat = Heartbeat(
        settings=service.settings,
        replica=service.replica,
        scorers=service.scorers,
        drift=service.drift,
    )
    watchers = [
        ModelWatcher(
            scorer=scorer,
            registry=registry,
            cache=ModelCache(service.settings.home / "models" / scorer.use_case),
            metrics=service.metrics,
            changed=heartbeat.now,
        )
        for scorer in service.scorers
    ]
    contracts = [ContractWatcher(scorer, service, heartbeat.now) for scorer in service.scorers]
    threads: list[BackgroundThread] = [
        Reloader(service.settings, watchers, contracts),
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
