"""Contract versions on a real database."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pipelines.context import Context
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.stores.contracts import ContractStore
from tests.integration.logged import CONTRACT, rewrite

ADDED = Feature(type="category", name="channel", values=("web", "shop"), nullable=True)
WIDER = msgspec.structs.replace(CONTRACT, features=(ADDED, *CONTRACT.features))
REORDERED = msgspec.structs.replace(
    CONTRACT,
    features=(
        msgspec.structs.replace(ADDED, values=("app", "shop")),
        *CONTRACT.features[1:],
    ),
    derived=(),
)
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def contracts(wired: Context) -> ContractStore:
    rewrite(wired.connection, "TRUNCATE contracts, contract_versions, model_metadata CASCADE")
    return ContractStore(wired.connection)


def hashes(contracts: ContractStore) -> list[str]:
    return [contract.hash for contract in contracts.accepted("fraud")]


def test_the_contract_that_was_applied_last_is_the_current_one(contracts: ContractStore) -> None:
    assert contracts.current("fraud") is None
    assert contracts.apply(CONTRACT)
    assert not contracts.apply(CONTRACT)
    assert contracts.apply(WIDER)
    assert contracts.current("fraud") == WIDER
    assert contracts.accepted("fraud") == [WIDER, CONTRACT]
    assert contracts.body(CONTRACT.hash) == CONTRACT


def test_a_contract_that_is_applied_again_is_the_current_one_again(
    contracts: ContractStore,
) -> None:
    for contract in (CONTRACT, WIDER, CONTRACT):
        contracts.apply(contract)
    assert hashes(contracts) == [CONTRACT.hash, WIDER.hash]
    versions = contracts.versions("fraud")
    assert [version.contract_hash for version in versions] == [CONTRACT.hash, WIDER.hash]


def test_a_contract_that_was_replaced_long_enough_ago_ends(contracts: ContractStore) -> None:
    contracts.apply(CONTRACT)
    contracts.apply(WIDER)
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert contracts.end_outlived("fraud", replaced_before=long_ago) == []
    assert contracts.end_outlived("fraud", replaced_before=LATER) == [CONTRACT.hash]
    assert hashes(contracts) == [WIDER.hash]
    assert contracts.end_outlived("fraud", replaced_before=LATER) == []


def test_a_contract_under_which_a_serving_model_was_trained_does_not_end(
    wired: Context, contracts: ContractStore
) -> None:
    contracts.apply(CONTRACT)
    contracts.apply(WIDER)
    wired.models.record(
        use_case="fraud",
        version=7,
        run_id="r",
        mlflow_run_id="m",
        kind="logistic",
        digest="d" * 64,
        contract_hash=CONTRACT.hash,
        threshold=0.5,
        metrics={},
        data_hash="none",
    )
    report = (
        "INSERT INTO serving_replicas (replica, use_case, version, seen_at)"
        " VALUES ('r', 'fraud', 7, now())"
    )
    wired.connection.execute(report)
    assert contracts.end_outlived("fraud", replaced_before=LATER) == []
    wired.connection.execute("DELETE FROM serving_replicas")
    assert contracts.end_outlived("fraud", replaced_before=LATER) == [CONTRACT.hash]


def log(wired: Context, contract: Contract, features: list[float | None]) -> None:
    wired.connection.execute(
        "INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id,"
        " event_time, model_version, contract_hash, features, score, predicted_label, threshold,"
        " replica) VALUES (now(), gen_random_uuid(), 'fraud', 't', now(), 1, %s, %s, 0, 0, 0.5,"
        " 'r')",
        (contract.hash, features),
    )


def test_the_view_shows_the_rows_of_all_contracts_by_the_columns_of_the_current_one(
    wired: Context, contracts: ContractStore
) -> None:
    for contract in (CONTRACT, WIDER, REORDERED):
        contracts.apply(contract)
    width = len(CONTRACT.columns)
    log(wired, CONTRACT, [float(number) for number in range(width)])
    log(wired, WIDER, [1.0, *(10.0 + number for number in range(width))])
    log(wired, WIDER, [0.0, *(20.0 + number for number in range(width))])
    log(wired, REORDERED, [1.0, *(30.0 + number for number in range(1, width))])
    second = CONTRACT.raw[1]
    rows = wired.connection.execute(
        f"SELECT channel, {second} AS second FROM fraud_predictions ORDER BY second"
    ).fetchall()
    assert [(row["channel"], row["second"]) for row in rows] == [
        (None, 1.0),
        (1.0, 11.0),
        (None, 21.0),
        (1.0, 31.0),
    ]
    names = [
        column.name
        for column in wired.connection.execute(
            "SELECT * FROM fraud_predictions LIMIT 0"
        ).description
        or ()
    ]
    assert CONTRACT.raw[0] not in names
    assert not set(names) & {feature.name for feature in CONTRACT.derived}
