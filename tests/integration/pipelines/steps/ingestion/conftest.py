"""A team's database, and a use case that imports payments and chargebacks from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.warehouse import CONNECTION, HISTORY, LABELS, ImportingShop, Warehouse


@pytest.fixture
def warehouse(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """The team's database; steps get its URL as a task of Airflow hands it over."""
    made = Warehouse(new_database())
    monkeypatch.setenv(CONNECTION, made.url)
    yield made
    made.connection.close()


@pytest.fixture
def new_shop(
    migrated: str, copy_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], ImportingShop]:
    """Make the use case in a folder and a database of its own."""

    def new_shop() -> ImportingShop:
        root: Path = tmp_path_factory.mktemp("shop")
        return ImportingShop.importing(
            root, copy_database(migrated), ingest={"history": HISTORY, "labels": LABELS}
        )

    return new_shop


@pytest.fixture
def shop(new_shop: Callable[[], ImportingShop]) -> ImportingShop:
    return new_shop()
