"""A service in this process, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.settings import Settings
from serving.background.shipper import Shipper
from serving.model.registry import FolderRegistry
from serving.service import Service
from tests.unit.serving import made


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a server of fraud."""
    return Settings(
        home=tmp_path,
        model_folder=tmp_path / "models",
        database_url=database_url,
        api_key="secret",
        use_cases="fraud",
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """A service with version 1 of fraud."""
    assert settings.model_folder
    service = Service(settings, FolderRegistry(settings.model_folder))
    made.serve(service)
    yield service
    service.journal.close()


@pytest.fixture
def client(service: Service) -> made.Client:
    """A client of the service."""
    return made.Client(service)


@pytest.fixture
def ship(service: Service) -> Callable[[], None]:
    """Log all predictions of the service's journal."""

    def ship() -> None:
        shipper = Shipper(service.settings, service.journal, service.metrics)
        shipper.start()
        shipper.stop()
        assert service.journal.size == 0

    return ship
