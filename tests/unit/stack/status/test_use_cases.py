"""What the database says about each use case, read from a real one."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from pipelines.settings import ROOT, Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection, connect
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.ledger import Ledger, ReplicaStore
from stack.status.use_cases import UseCaseState, read_use_cases
from tests.integration.logged import rewrite


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(root=ROOT, home=tmp_path, database_url=database_url, use_cases="fraud")


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    with connect(settings, autocommit=True) as connection:
        rewrite(
            connection,
            "TRUNCATE decision_records, promotions, monitoring_alerts, serving_replicas CASCADE",
        )
        yield connection


def read(settings: Settings) -> UseCaseState:
    (state,) = read_use_cases(settings)
    return state


def trained(database: Connection, run_id: str, *, version: int) -> int:
    """A decision, approved for a version that its run trained just now."""
    store = DecisionStore(database)
    decision = store.open(
        "fraud",
        run_id,
        trigger="MANUAL",
        requested_by=None,
        reason=None,
        params={},
        as_of=datetime.now(UTC),
        policy={},
        git_sha=None,
    )
    store.set_challenger("fraud", run_id, version)
    store.decide("fraud", run_id, verdict="APPROVED", reason="6 of 6 gates passed", gates=[])
    return decision.id


def promote(database: Connection, version: int, decision_id: int | None) -> None:
    promotion_id = uuid4()
    for entry_state in ("INTENDED", "DONE"):
        Ledger(database).write(
            entry_state,
            promotion_id=promotion_id,
            use_case="fraud",
            from_version=None,
            from_digest=None,
            to_version=version,
            to_digest=f"d{version}",
            action="PROMOTE",
            actor="ann",
            reason="6 of 6 gates passed",
            decision_id=decision_id,
            evidence_hash=None,
        )


def test_an_empty_database_has_nothing_of_a_use_case(
    settings: Settings, database: Connection
) -> None:
    state = read(settings)
    assert (state.name, state.entries, state.replicas, state.alerts) == ("fraud", [], [], [])
    assert (state.candidate, state.blocked, state.cooldown_until) == (None, None, None)
    assert state.policy is not None


def test_a_candidate_a_replica_an_alert_and_the_cooldown(
    settings: Settings, database: Connection
) -> None:
    promote(database, 1, trained(database, "first", version=1))
    second = trained(database, "second", version=2)
    DecisionStore(database).bind("fraud", "promotion of the second", second)
    AlertStore(database).raise_("fraud", cause="guard", severity="SEVERE", message="m")
    ReplicaStore(database).report(
        "r", "fraud", version=1, digest="d1", error=None, loaded_at=datetime.now(UTC)
    )
    state = read(settings)
    assert state.candidate is not None and state.candidate.id == second
    assert state.promotion_runs == ["promotion of the second"]
    assert [replica.digest for replica in state.replicas] == ["d1"]
    assert [alert.cause for alert in state.alerts] == ["guard"]
    assert state.blocked is not None and state.blocked.startswith("cooldown: ")
    assert state.cooldown_until is not None and state.cooldown_until > datetime.now(UTC)


def test_a_promoted_decision_is_no_candidate(settings: Settings, database: Connection) -> None:
    promote(database, 1, trained(database, "first", version=1))
    state = read(settings)
    assert state.candidate is None
    assert [entry.state for entry in state.entries] == ["DONE", "INTENDED"]


def test_without_a_readable_policy_the_database_is_still_shown(
    settings: Settings, database: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "reference" / "fraud"
    folder.mkdir(parents=True)
    (folder / "policy.yaml").write_text("gates: 7\n")
    promote(database, 1, trained(database, "first", version=1))
    state = read(settings.model_copy(update={"root": tmp_path}))
    assert (state.policy, state.blocked) == (None, None)
    assert len(state.entries) == 2


def test_a_database_that_hangs_is_given_up_on(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://sixgate@127.0.0.1:{server.getsockname()[1]}/sixgate"
        start = time.monotonic()
        with pytest.raises(psycopg.Error):
            read_use_cases(settings.model_copy(update={"database_url": url}))
        assert time.monotonic() - start < 8


def test_labels_without_a_prediction_are_counted_with_the_spelling_of_the_prediction(
    settings: Settings, database: Connection
) -> None:
    rewrite(database, "TRUNCATE label_store, prediction_logs")
    database.execute(
        "INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id,"
        " event_time, model_version, contract_hash, features, score, predicted_label, threshold,"
        " replica) VALUES (now(), gen_random_uuid(), 'fraud', '7', '2099-01-01', 1, 'c', '{}',"
        " 0.5, 1, 0.5, 'r')"
    )
    database.execute(
        "INSERT INTO label_store (use_case, transaction_id, label, labelled_at, received_at, source)"
        " SELECT 'fraud', id, 1, now(), now() - interval '2 days', 'test'"
        " FROM unnest(ARRAY['7', '007']) AS ids (id)"
    )
    state = read(settings)
    assert (state.labels.labels, state.labels.unmatched) == (2, 1)
    assert state.similar_ids == {"007": "7"}
    assert state.future_times == 1
    rewrite(database, "TRUNCATE label_store, prediction_logs")
