"""A service on a temporary folder, and a client for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipelines.settings import Settings
from serving.app import build
from serving.live_feed import LiveFeed
from serving.model.registry import FolderRegistry
from serving.service import Service
from serving.wire.websocket import ListenOnlyWebSocket
from tests.unit.serving import made


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Service]:
    """A service of fraud without a Production version."""
    settings = Settings(home=tmp_path, api_key="secret", use_cases="fraud")
    service = Service(settings, FolderRegistry(tmp_path))
    yield service
    service.journal.close()


@pytest.fixture
def service(bare: Service) -> Service:
    """A service with version 1 of fraud."""
    made.serve(bare)
    return bare


@pytest.fixture
def client(service: Service) -> made.Client:
    """A client of the service with version 1 of fraud."""
    return made.Client(service)


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Create a service with a model and some settings; its journal is closed after the test."""
    services: list[Service] = []

    def make(**options: Any) -> Service:
        settings = Settings(home=tmp_path, api_key="secret", **options)
        service = Service(settings, FolderRegistry(tmp_path))
        made.serve(service)
        services.append(service)
        return service

    yield make
    for service in services:
        service.journal.close()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    """The port of a real server in front of the service."""
    config = uvicorn.Config(
        build(service),
        port=0,
        log_level="critical",
        lifespan="off",
        ws=ListenOnlyWebSocket,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (socket,) = server.servers[0].sockets
    yield socket.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def live(service: Service) -> LiveFeed:
    """The live feed of the service's use case."""
    return service.scorers[0].live
