"""Model versions and contracts on a real database."""

from typing import Any

import msgspec
import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError
from tests.integration.logged import CONTRACT, rewrite

MODEL: dict[str, Any] = {
    "use_case": "fraud",
    "version": 1,
    "run_id": "r",
    "mlflow_run_id": "m",
    "kind": "logistic",
    "digest": "d" * 64,
    "contract_hash": CONTRACT.hash,
    "threshold": 0.5,
    "data_hash": "none",
}
FORMER = msgspec.structs.replace(CONTRACT, features=CONTRACT.features[:-1])


@pytest.fixture(autouse=True)
def without_models(wired: Context) -> None:
    rewrite(wired.connection, "TRUNCATE model_metadata, contracts CASCADE")
    wired.models.record_contract(CONTRACT)


def test_a_version_is_found_by_number_and_by_run(wired: Context) -> None:
    wired.models.record(metrics={"f1": 0.5}, **MODEL)
    model = wired.models.get("fraud", 1)
    assert (model.digest, model.metrics) == ("d" * 64, {"f1": 0.5})
    assert wired.models.of_run("fraud", "r") == model
    assert wired.models.of_run("fraud", "another") is None


def test_a_run_that_is_repeated_keeps_its_first_version(wired: Context) -> None:
    wired.models.record(metrics={"f1": 0.5}, **MODEL)
    wired.models.record(metrics={"f1": 0.9}, **MODEL)
    model = wired.models.of_run("fraud", "r")
    assert model is not None
    assert model.metrics == {"f1": 0.5}


def test_an_unknown_version_is_named_with_where_to_look(wired: Context) -> None:
    message = "fraud has no model version 9: see `sixgate ledger --use-case fraud`"
    with pytest.raises(EvidenceError, match=message):
        wired.models.get("fraud", 9)


def test_a_version_without_a_training_profile_has_none(wired: Context) -> None:
    wired.models.record(metrics={}, **MODEL)
    assert wired.models.profile("fraud", 1) is None
    assert wired.models.profile("fraud", 9) is None


def test_a_contract_is_stored_once_and_comes_back_equal(wired: Context) -> None:
    wired.models.record_contract(FORMER)
    wired.models.record_contract(FORMER)
    assert FORMER.hash != CONTRACT.hash
    assert wired.models.contract(FORMER.hash, CONTRACT) == FORMER
    assert wired.models.recorded_contract("unknown") is None


def test_a_contract_that_no_model_was_trained_on_is_read_by_the_current_one(
    wired: Context,
) -> None:
    assert wired.models.contract("unknown", CONTRACT) is CONTRACT
    assert wired.models.contract(FORMER.hash, FORMER) is FORMER, "without asking the database"
