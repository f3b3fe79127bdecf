"""A service on a temporary folder with a model loaded, and a client that needs no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.settings import Settings
from serving.app import build
from serving.model.registry import FolderRegistry
from serving.service import Service
from tests.unit.serving import made

Ask = Callable[..., httpx.Response]


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
def ask() -> Ask:
    """Send one request to a service, with the admin's key by default."""

    def ask(
        service: Service, method: str, path: str, *, key: str | None = "secret", **options: Any
    ) -> httpx.Response:
        headers = {"X-API-Key": key} if key else {}

        async def once() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(build(service)),
                base_url="http://server",
                headers=headers,
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    return ask
