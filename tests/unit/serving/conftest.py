"""A service on a temporary folder, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import Settings
from serving.model.registry import FolderRegistry
from serving.service import Service
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
