"""A use case as the database recorded it, while its files can't be read."""

from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from psycopg.types.json import Jsonb

from pipelines.context import Context
from pipelines.errors import UseCaseError
from pipelines.rules.promotion.ledger import Served
from pipelines.stores.recorded import BUILT_IN_POLICY, recorded_use_case
from pipelines.use_case import UseCase
from tests.integration.logged import CONTRACT, NOW, rewrite
from tests.integration.server import Database, enter

FAULT = UseCaseError("policy.yaml is missing")
FORMER = msgspec.structs.replace(CONTRACT, features=CONTRACT.features[:-1])


@pytest.fixture(autouse=True)
def empty(wired: Context) -> None:
    rewrite(
        wired.connection, "TRUNCATE promotions, model_metadata, contracts, decision_events CASCADE"
    )


@pytest.fixture
def champion(wired: Context, database: Database) -> int:
    """Version 1 is Production, trained on a former contract."""
    wired.models.record_contract(FORMER)
    wired.models.record(
        use_case="fraud",
        version=1,
        run_id="r",
        mlflow_run_id="m",
        kind="logistic",
        digest="d" * 64,
        contract_hash=FORMER.hash,
        threshold=0.5,
        metrics={},
        data_hash="none",
    )
    enter(database, uuid4(), "DONE", Served(1, "d" * 64))
    return 1


def decided(wired: Context, run_id: str, policy: object) -> int:
    decision = wired.decisions.open(
        "fraud",
        run_id,
        trigger="MANUAL",
        requested_by=None,
        reason=None,
        params={},
        as_of=NOW,
        policy={},
        git_sha=None,
    )
    rewrite(
        wired.connection,
        "UPDATE decision_records SET policy = %s WHERE id = %s",
        (Jsonb(policy), decision.id),
    )
    return decision.id


def recorded(wired: Context, folder: Path, version: int | None = None) -> UseCase:
    return recorded_use_case(wired.connection, folder, version=version, fault=FAULT)


def test_before_the_first_promotion_the_fault_of_the_file_stays(
    wired: Context, tmp_path: Path
) -> None:
    with pytest.raises(UseCaseError, match=r"policy\.yaml is missing"):
        recorded(wired, tmp_path / "fraud")


@pytest.mark.usefixtures("champion")
def test_without_a_folder_the_contract_is_that_of_the_model(wired: Context, tmp_path: Path) -> None:
    use_case = recorded(wired, tmp_path / "fraud")
    assert (use_case.name, use_case.contract) == ("fraud", FORMER)


@pytest.mark.usefixtures("champion")
def test_a_valid_contract_of_the_folder_comes_first(wired: Context) -> None:
    assert recorded(wired, wired.use_case.folder).contract == CONTRACT


@pytest.mark.usefixtures("champion")
def test_a_model_whose_contract_is_not_stored_leaves_the_fault(
    wired: Context, tmp_path: Path
) -> None:
    rewrite(wired.connection, "DELETE FROM contracts")
    with pytest.raises(UseCaseError, match=r"policy\.yaml is missing"):
        recorded(wired, tmp_path / "fraud", version=1)


@pytest.mark.usefixtures("champion")
def test_the_policy_is_the_newest_valid_one_of_a_decision(wired: Context, tmp_path: Path) -> None:
    assert BUILT_IN_POLICY in str(recorded(wired, tmp_path / "fraud").substitute)
    policy = msgspec.to_builtins(wired.use_case.policy)
    policy["gates"]["recall"] = 0.61
    valid = decided(wired, "valid", policy)
    decided(wired, "misspelt", policy | {"gates": {"recal": 1}})
    use_case = recorded(wired, tmp_path / "fraud")
    assert use_case.policy.gates.recall == 0.61
    assert f"The rollback uses the policy of decision {valid}" in str(use_case.substitute)
    assert use_case.fault is FAULT
