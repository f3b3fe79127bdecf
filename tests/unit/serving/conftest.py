"""A service on a folder of the test's own, with a model loaded, and a way to ask it without a network."""

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
from serving.model.served_model import load
from serving.service import Service
from tests.unit.serving import made

Ask = Callable[..., httpx.Response]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Service]:
    """Nothing is in Production yet."""
    service = Service(
        Settings(home=tmp_path, api_key="secret", use_cases="fraud"), FolderRegistry(tmp_path)
    )
    yield service
    service.journal.close()


@pytest.fixture
def service(bare: Service) -> Service:
    """Serves version 1 of fraud."""
    files = made.files()
    scorer = next(scorer for scorer in bare.scorers if scorer.use_case == "fraud")
    scorer.model = load(files, made.served(files), scorer.contract)
    return bare


@pytest.fixture
def ask() -> Ask:
    """Send one request to a service, as its admin unless said otherwise."""

    def ask(
        service: Service, method: str, path: str, *, key: str | None = "secret", **options: Any
    ) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(build(service))
            headers = {"X-API-Key": key} if key else {}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://server", headers=headers
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    return ask
