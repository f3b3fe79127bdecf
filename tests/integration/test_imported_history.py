"""What the ingest DAG imported trains the next model, without a person who names a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import EvidenceError, StepSkipped
from pipelines.rules.promotion.ledger import champion
from pipelines.stores.ledger import Ledger
from tests.integration.changing_use_case import SHOP, Shop
from tests.integration.lifecycle import RETRAIN
from tests.integration.warehouse import (
    CONNECTION,
    HISTORY,
    START,
    ImportingShop,
    Warehouse,
)

DATA = ("check_conditions", "validate_data")
N = 1500


@pytest.fixture
def warehouse(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    made = Warehouse(new_database())
    monkeypatch.setenv(CONNECTION, made.url)
    yield made
    made.connection.close()


@pytest.fixture
def shop(
    migrated: str, copy_database: Callable[[str], str], tmp_path: Path, mlflow_uri: str
) -> ImportingShop:
    shop = ImportingShop.importing(
        tmp_path,
        copy_database(migrated),
        ingest={"history": HISTORY},
        validation={"leak": 1.0, "label_factor": 1000, "outside_share": 1.0},
    )
    return ImportingShop(shop.settings.model_copy(update={"mlflow_tracking_uri": mlflow_uri}))


def dataset(shop: Shop, run_id: str) -> dict[str, Any]:
    wired = shop.context("look")
    found = wired.decisions.of_run(SHOP, run_id).dataset or {}
    wired.close()
    return found


def test_a_first_model_is_trained_on_the_imported_history_and_the_next_run_on_its_increments(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    with pytest.raises(StepSkipped, match="no model is in Production"):
        shop.run("too-early", *DATA)
    with pytest.raises(EvidenceError, match="shop_ingest has imported no history"):
        shop.run("nothing-yet", *DATA, snapshot="history")

    warehouse.pay(0, N)
    shop.run("import", "ingest_history")
    shop.run("first", *DATA)
    first = dataset(shop, "first")
    assert (first["source"], first["train_rows"] + first["holdout_rows"]) == ("INGESTED", N)
    assert first["reference_rows"] == 0

    warehouse.pay(N, N + 200, START + timedelta(hours=2))
    shop.run("increment", "ingest_history")
    shop.run("second", *DATA)
    second = dataset(shop, "second")
    assert second["train_rows"] + second["holdout_rows"] == N + 200
    assert second["history"] != first["history"]
    # The same rows give the same snapshot, also when a person asks for them.
    shop.run("named", *DATA, snapshot="history")
    assert dataset(shop, "named")["history"] == second["history"]


def test_the_imported_history_trains_beside_logged_predictions(
    shop: ImportingShop, warehouse: Warehouse
) -> None:
    warehouse.pay(0, N)
    shop.run("import", "ingest_history")
    shop.run("first", *RETRAIN)
    wired = shop.context("promote")
    decision = wired.decisions.of_run(SHOP, "first")
    assert decision.verdict == "APPROVED", decision.reason
    shop.run("promote", "final_validation", "promote", decision_id=decision.id)
    served = champion(Ledger(wired.connection).recent(SHOP))
    assert served is not None
    shop.answer(600, hours_ago=2, version=served.version, seed=3)
    warehouse.pay(N, N + 100, START + timedelta(hours=2))
    shop.run("increment", "ingest_history")
    shop.run("logged", *DATA)
    logged = dataset(shop, "logged")
    assert logged["source"] == "LOGGED"
    assert logged["train_rows"] + logged["holdout_rows"] == 600 + N + 100
    assert logged["history"] in wired.artifacts.ids("snapshots")
    wired.close()
