"""Each process signs in to PostgreSQL with a role of its own, and the database refuses what the process must not do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from pipelines.errors import EvidenceError
from pipelines.records import Label
from pipelines.settings import ROOT, Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.contracts import ContractStore
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.labels import LabelStore
from pipelines.stores.ledger import Ledger, ReplicaStore
from pipelines.stores.metrics import MetricStore
from pipelines.stores.migrations import migrate
from pipelines.stores.models import ModelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.stores.roles import PAGES, SERVER, STEPS
from pipelines.use_case import read_contract, read_policy
from serving.metrics.drift_metrics import DriftMetrics
from stack import temporary_services
from stack.processes.postgres import CONNECTIONS, Postgres
from tests.integration.logged import Log

if TYPE_CHECKING:
    from pipelines.context import Context

OWNER, AIRFLOW, MLFLOW = "sixgate", "airflow", "mlflow"
ROLES = {STEPS: "s", SERVER: "v", PAGES: "p", AIRFLOW: "a", MLFLOW: "m"}
NOW = datetime(2026, 11, 25, tzinfo=UTC)
Connection = psycopg.Connection[dict[str, Any]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, str]]:
    """A server set up as the stack's is, with the schema in it and one row wherever a statement wants one."""
    home = tmp_path_factory.mktemp("roles")
    with temporary_services.database(home, options=("-c", "fsync=off")) as (postgres, password):
        postgres.create_databases(password, ROLES)
        postgres.create_databases(password, ROLES)  # as every start does
        migrate(Settings(home=home, database_url=postgres.url(password)))
        with psycopg.connect(
            postgres.url(password), autocommit=True, row_factory=dict_row
        ) as owner:
            decided(owner, "decided")
            opened(owner, "open")
            owner.execute(
                "INSERT INTO monitoring_alerts (use_case, cause, severity, message) VALUES ('fraud', 'x', 'ALERT', '')"
            )
            owner.execute(
                "INSERT INTO promotions (promotion_id, use_case, to_version, to_digest, action, state, actor, reason)"
                " VALUES (gen_random_uuid(), 'fraud', 1, 'd', 'PROMOTE', 'DONE', 'a', 'r')"
            )
        yield postgres, password


@pytest.fixture(scope="module")
def signed_in(
    cluster: tuple[Postgres, str],
) -> Callable[..., contextlib.AbstractContextManager[Connection]]:
    """A connection of a role, whose work is undone afterwards."""
    postgres, password = cluster

    @contextlib.contextmanager
    def connect(role: str, database: str = "sixgate") -> Iterator[Connection]:
        url = postgres.url(password if role == OWNER else ROLES[role], database, user=role)
        with psycopg.connect(url, row_factory=dict_row) as connection:
            yield connection
            connection.rollback()

    return connect


def opened(connection: Connection, run_id: str) -> DecisionStore:
    store = DecisionStore(connection)
    store.open(
        "fraud", run_id, trigger="MANUAL", requested_by="ann", reason=None, params={}, as_of=NOW,
        policy=msgspec.to_builtins(read_policy(ROOT / "reference" / "fraud")), git_sha=None,
    )  # fmt: skip
    return store


def decided(connection: Connection, run_id: str) -> DecisionStore:
    store = opened(connection, run_id)
    store.set_dataset(
        "fraud", run_id, dataset={"train": "x"}, evidence_source="LOGGED", champion_version=1
    )
    store.set_challenger("fraud", run_id, 2)
    store.decide(
        "fraud", run_id, verdict="APPROVED", reason="all gates passed", gates=[], evidence_hash="e"
    )
    return store


PREDICTION = (
    "INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, event_time, model_version, contract_hash,"
    " features, score, predicted_label, threshold, replica)"
    " VALUES (now(), gen_random_uuid(), 'fraud', 't', now(), 1, 'c', '{1}', 0.5, 1, 0.5, 'r')"
)
LABEL = "INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source) VALUES ('fraud', 't', 1, now(), 's')"
LEDGER = (
    "INSERT INTO promotions (promotion_id, use_case, to_version, to_digest, action, state, actor, reason)"
    " VALUES (gen_random_uuid(), 'fraud', 1, 'd', 'PROMOTE', 'INTENDED', 'a', 'r')"
)
FORGED_NUMBER = LEDGER.replace("(promotion_id", "(id, promotion_id").replace(
    "VALUES (", "OVERRIDING SYSTEM VALUE VALUES (9, "
)
FORGED_TIME = LEDGER.replace("(promotion_id", "(at, promotion_id").replace(
    "VALUES (", "VALUES ('2020-01-01', "
)
APPROVED = (
    "INSERT INTO decision_records (use_case, run_id, trigger, as_of, policy, verdict)"
    " VALUES ('fraud', 'forged', 'MANUAL', now(), '{}', 'APPROVED')"
)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        pytest.param(SERVER, PREDICTION, id="the server logs predictions"),
        pytest.param(SERVER, LABEL, id="the server takes labels"),
        pytest.param(SERVER, "SELECT * FROM promotions", id="the server reads the ledger"),
        pytest.param(
            SERVER,
            "INSERT INTO serving_replicas (replica, use_case) VALUES ('r', 'fraud')",
            id="the server says what it serves",
        ),
        pytest.param(
            SERVER,
            "INSERT INTO monitoring_alerts (use_case, cause, severity, message) VALUES ('fraud', 'y', 'ALERT', '')",
            id="the server raises an alert",
        ),
        pytest.param(
            SERVER,
            "INSERT INTO quality_counts VALUES ('fraud', now(), 'amount', 'refused', 1)"
            " ON CONFLICT (use_case, hour, field, treatment)"
            " DO UPDATE SET n = quality_counts.n + excluded.n",
            id="the server counts refused values",
        ),
        pytest.param(STEPS, LABEL, id="the ingest DAG imports labels"),
        pytest.param(STEPS, "DELETE FROM ingested_rows", id="housekeeping forgets old history"),
        pytest.param(STEPS, "DELETE FROM ingested_labels", id="housekeeping forgets old notes"),
        pytest.param(
            STEPS,
            "INSERT INTO ingest_watermarks (use_case, source, watermark) VALUES ('fraud', 'labels', now())"
            " ON CONFLICT (use_case, source) DO UPDATE SET watermark = excluded.watermark",
            id="the ingest DAG remembers how far it read",
        ),
        pytest.param(STEPS, "DELETE FROM quality_counts", id="housekeeping forgets old counts"),
        pytest.param(
            STEPS,
            "SELECT d.id, e.id, p.id, l.id FROM decision_records AS d, decision_events AS e,"
            " promotions AS p, label_store AS l, prediction_logs",
            id="housekeeping exports the audit trail",
        ),
        pytest.param(STEPS, LEDGER, id="promotion writes the ledger"),
        pytest.param(
            STEPS,
            "SELECT ensure_partitions(CURRENT_DATE + 100, 1)",
            id="housekeeping makes partitions",
        ),
        pytest.param(
            STEPS, "SELECT drop_partitions(CURRENT_DATE - 100)", id="housekeeping drops partitions"
        ),
        pytest.param(
            STEPS,
            "SELECT delete_predictions('fraud', CURRENT_DATE - 100, 10)",
            id="housekeeping deletes predictions of one use case",
        ),
        pytest.param(
            STEPS,
            "INSERT INTO promotion_runs (use_case, run_id, decision_id) SELECT 'fraud', 'r', min(id) FROM decision_records",
            id="a promotion run is bound to its decision",
        ),
        pytest.param(STEPS, "SELECT thin_metrics(CURRENT_DATE)", id="housekeeping thins metrics"),
        pytest.param(STEPS, "DELETE FROM explanations", id="housekeeping forgets explanations"),
        pytest.param(
            STEPS, "SELECT * FROM fraud_predictions", id="people read predictions by name"
        ),
        pytest.param(PAGES, "SELECT * FROM retraining_decisions", id="pages show decisions"),
        pytest.param(
            PAGES,
            "UPDATE monitoring_alerts SET state = 'ACKNOWLEDGED'",
            id="pages acknowledge alerts",
        ),
    ],
)
def test_a_role_does_its_work(signed_in: Any, role: str, statement: str) -> None:
    with signed_in(role) as connection:
        connection.execute(statement)


EVERYBODY = (SERVER, STEPS, PAGES)
KEPT = {
    "promotions": "actor",
    "decision_records": "reason",
    "decision_events": "actor",
    "promotion_runs": "run_id",
}
RECORDS = [
    (role, statement)
    for role in EVERYBODY
    for table, column in KEPT.items()
    for statement in (
        f"UPDATE {table} SET {column} = 'x'",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    )
]


@pytest.mark.parametrize(
    ("role", "statement"), RECORDS, ids=[f"{role}: {statement}" for role, statement in RECORDS]
)
def test_nobody_but_the_owner_has_a_right_to_change_ledger_and_decisions(
    signed_in: Any, role: str, statement: str
) -> None:
    with signed_in(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *[(role, APPROVED) for role in EVERYBODY],
        *[(role, "CREATE TABLE mine (id int)") for role in EVERYBODY],
        *[(role, "DROP TABLE promotions CASCADE") for role in EVERYBODY],
        *[(role, "ALTER TABLE promotions DISABLE TRIGGER ALL") for role in EVERYBODY],
        *[(role, "SET session_replication_role = replica") for role in EVERYBODY],
        *[(role, "SET ROLE sixgate") for role in EVERYBODY],
        *[(role, "COPY promotions TO PROGRAM 'true'") for role in EVERYBODY],
        *[(role, "SELECT pg_read_file('/etc/passwd')") for role in EVERYBODY],
        *[(role, "SELECT * FROM pg_authid") for role in EVERYBODY],
        (SERVER, LEDGER),
        (SERVER, "SELECT * FROM decision_records"),
        (SERVER, "DELETE FROM quality_counts"),
        (SERVER, "SELECT write_verdict('fraud', 'open', 'APPROVED', '', NULL, NULL)"),
        (SERVER, "UPDATE prediction_logs SET score = 1"),
        (SERVER, "DELETE FROM prediction_logs"),
        (SERVER, "UPDATE label_store SET label = 0"),
        (SERVER, "DELETE FROM monitoring_alerts"),
        (SERVER, "SELECT drop_partitions(CURRENT_DATE)"),
        (SERVER, "SELECT delete_predictions('fraud', CURRENT_DATE - 1, 1)"),
        (SERVER, "UPDATE explanations SET contributions = NULL"),
        (STEPS, PREDICTION),
        (STEPS, "DELETE FROM prediction_logs"),
        (STEPS, FORGED_NUMBER),
        (STEPS, FORGED_TIME),
        (STEPS, "UPDATE promotion_runs SET decision_id = 1"),
        (STEPS, "UPDATE scoring_jobs SET scored_at = now() - interval '1 year'"),
        (STEPS, "UPDATE scoring_jobs SET model_version = 1"),
        (SERVER, "UPDATE scoring_jobs SET state = 'SUCCEEDED'"),
        (SERVER, "SELECT log_scored_rows(gen_random_uuid(), '{}')"),
        (PAGES, "SELECT log_scored_rows(gen_random_uuid(), '{}')"),
        (
            SERVER,
            "INSERT INTO label_store (id, use_case, transaction_id, label, labelled_at, source)"
            " OVERRIDING SYSTEM VALUE VALUES (9, 'fraud', 't', 1, now(), 's')",
        ),
        (STEPS, "UPDATE label_store SET label = 0"),
        (STEPS, "DELETE FROM label_store"),
        (STEPS, "UPDATE ingested_labels SET label = 0"),
        (STEPS, "DELETE FROM ingested_files"),
        (SERVER, "SELECT * FROM ingested_rows"),
        (PAGES, "DELETE FROM ingest_watermarks"),
        (STEPS, "DELETE FROM serving_replicas"),
        (STEPS, "UPDATE model_metadata SET digest = 'other'"),
        (PAGES, LABEL),
        (PAGES, "SELECT delete_predictions('fraud', CURRENT_DATE - 1, 1)"),
        (PAGES, LEDGER),
        (PAGES, "UPDATE monitoring_alerts SET message = ''"),
        (PAGES, "SELECT write_verdict('fraud', 'open', 'APPROVED', '', NULL, NULL)"),
    ],
    ids=str,
)
def test_the_database_refuses_what_a_process_must_not_do(
    signed_in: Any, role: str, statement: str
) -> None:
    with signed_in(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("role", [*EVERYBODY, AIRFLOW, MLFLOW])
def test_a_role_reaches_its_own_database_only(signed_in: Any, role: str) -> None:
    own = {AIRFLOW: "airflow", MLFLOW: "mlflow"}.get(role, "sixgate")
    with signed_in(role, own) as connection:
        connection.execute("SELECT 1")
    for other in {"airflow", "mlflow", "sixgate", "postgres", "template1"} - {own}:
        with (
            pytest.raises(psycopg.OperationalError, match="permission denied for database"),
            signed_in(role, other),
        ):
            pass


def test_no_role_takes_every_connection(cluster: tuple[Postgres, str], signed_in: Any) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(CONNECTIONS // 2):
            held.enter_context(signed_in(PAGES))
        with (
            pytest.raises(psycopg.OperationalError, match="too many connections for role"),
            signed_in(PAGES),
        ):
            pass
        with signed_in(SERVER) as other:
            assert other.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    with psycopg.connect(cluster[0].url(cluster[1])) as owner:
        limits = owner.execute(
            "SELECT rolconnlimit FROM pg_roles WHERE rolname = ANY(%s)", (list(ROLES),)
        ).fetchall()
    assert limits == [(CONNECTIONS // 2,)] * len(ROLES)


def test_a_wrong_or_missing_password_opens_nothing(cluster: tuple[Postgres, str]) -> None:
    postgres, _ = cluster
    for role in (OWNER, "postgres", *ROLES):
        for password in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(postgres.url(password, user=role), connect_timeout=5)


def test_a_run_writes_its_record_until_its_verdict_and_never_after(signed_in: Any) -> None:
    with signed_in(STEPS) as connection:
        store = decided(connection, "mine")
        before = store.of_run("fraud", "mine")
        with pytest.raises(
            EvidenceError, match=r"is decided \(APPROVED\) and stays as it is: trigger a new run"
        ):
            store.set_dataset(
                "fraud", "mine", dataset={}, evidence_source="INGESTED", champion_version=5
            )
        with pytest.raises(EvidenceError, match="stays as it is"):
            store.set_challenger("fraud", "mine", 7)
        store.decide("fraud", "mine", verdict="REJECTED", reason="changed")
        store.note_failure("fraud", "mine", "changed")
        assert opened(connection, "mine").of_run("fraud", "mine") == before


def test_the_first_answer_of_a_review_stands(signed_in: Any) -> None:
    with signed_in(STEPS) as connection:
        store = decided(connection, "reviewed")
        decision = store.of_run("fraud", "reviewed")
        store.record_review("fraud", decision.id, reviewer="ann", approved=True, comment="fine")
        kept = store.record_review(
            "fraud", decision.id, reviewer="bob", approved=False, comment="no"
        )
        assert (kept.reviewer, kept.approved, kept.comment) == ("ann", True, "fine")
        now = store.of_run("fraud", "reviewed")
        assert (now.reviewer, now.review_comment, now.verdict) == ("ann", "fine", "APPROVED")


def test_a_newer_approved_candidate_supersedes_an_older_one_without_touching_its_record(
    signed_in: Any,
) -> None:
    with signed_in(OWNER) as connection:
        older = decided(connection, "older").of_run("fraud", "older")
        newer = decided(connection, "newer").of_run("fraud", "newer")
        found = DecisionStore(connection).get("fraud", older.id)
        assert (found.verdict, found.reason) == (
            "SUPERSEDED",
            f"a newer candidate was approved: decision {newer.id}",
        )
        record = connection.execute(
            "SELECT verdict, reason FROM decision_records WHERE id = %s", (older.id,)
        ).fetchone()
        assert record == {"verdict": "APPROVED", "reason": "all gates passed"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision_records SET verdict = 'REJECTED' WHERE verdict IS NOT NULL",
        "UPDATE decision_records SET champion_version = 5 WHERE verdict IS NOT NULL",
        "DELETE FROM decision_records",
        "TRUNCATE decision_records CASCADE",
        "UPDATE promotions SET actor = 'x'",
        "DELETE FROM promotions",
        "TRUNCATE promotions",
        "UPDATE retraining_decisions SET verdict = 'REJECTED'",
        "DELETE FROM retraining_decisions",
        "TRUNCATE retraining_decisions",
    ],
)
def test_records_hold_against_their_owner_too(signed_in: Any, statement: str) -> None:
    refused = (
        psycopg.errors.RaiseException,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.WrongObjectType,
    )
    with signed_in(OWNER) as connection, pytest.raises(refused):
        connection.execute(statement)


def test_what_a_former_version_owned_in_airflows_database_changes_hands(
    cluster: tuple[Postgres, str],
) -> None:
    postgres, password = cluster
    name = f"kept_{uuid4().hex}"
    with psycopg.connect(postgres.url(password, "airflow"), autocommit=True) as owner:
        owner.execute(f"CREATE TYPE {name}_state AS ENUM ('a')")
        owner.execute(
            f"CREATE TABLE {name} (id serial PRIMARY KEY, other bigint GENERATED ALWAYS AS IDENTITY, s {name}_state)"
        )
        owner.execute(f"CREATE VIEW {name}_view AS SELECT id FROM {name}")
        owner.execute(
            f"CREATE FUNCTION {name}_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {name}'"
        )
    postgres.create_databases(password, ROLES)
    with psycopg.connect(postgres.url("a", "airflow", user=AIRFLOW), autocommit=True) as airflow:
        airflow.execute(f"ALTER TABLE {name} ADD COLUMN more text")
        airflow.execute(f"INSERT INTO {name} (s) VALUES ('a')")
        airflow.execute(f"ALTER TYPE {name}_state ADD VALUE 'b'")
        airflow.execute(f"DROP FUNCTION {name}_count()")
        airflow.execute(f"DROP VIEW {name}_view")
        airflow.execute(f"DROP TABLE {name}")


def test_a_database_without_the_roles_is_migrated_all_the_same(
    new_database: Callable[[], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(Settings(home=tmp_path, database_url=new_database()))
    assert "every process signs in as the schema's owner" in capsys.readouterr().err


def test_predictions_of_today_are_never_dropped(signed_in: Any) -> None:
    with (
        signed_in(STEPS) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="is not in the past"),
    ):
        connection.execute("SELECT drop_partitions('9999-01-01')")


def test_a_promotion_run_stays_about_its_decision(signed_in: Any) -> None:
    with signed_in(STEPS) as connection:
        store = decided(connection, "one")
        one, other = (
            store.of_run("fraud", "one"),
            decided(connection, "other").of_run("fraud", "other"),
        )
        assert store.bind("fraud", "promotion", one.id) == one.id
        assert store.bind("fraud", "promotion", other.id) == one.id
        assert store.of_promotion("fraud", "promotion", one.id).id == one.id
        with pytest.raises(
            EvidenceError, match=f"is about decision {one.id}, not decision {other.id}"
        ):
            store.of_promotion("fraud", "promotion", other.id)


def test_the_server_reads_and_writes_all_that_it_serves_by(signed_in: Any) -> None:
    """Everything that the server's threads and routes ask of the database, as its own role."""
    with signed_in(SERVER) as connection:
        DriftMetrics().refresh(connection, ["fraud"])
        assert Ledger(connection).newest("fraud")
        replicas = ReplicaStore(connection)
        replicas.report("r", "fraud", version=1, digest="d", error=None, loaded_at=NOW)
        assert replicas.live("fraud")
        replicas.forget("r")
        alerts = AlertStore(connection)
        raised = alerts.raise_("fraud", cause="model_refused", severity="ALERT", message="m")
        assert alerts.find(raised.id)
        alerts.raise_("fraud", cause="model_refused", severity="ALERT", message="m again")
        alerts.resolve("fraud", "model_refused", "no model is refused any more")
        assert LabelStore(connection).record(
            "fraud", [Label(transaction_id="t", label=1, labelled_at=NOW)], source="api"
        )
        log = Log(cast("Context", SimpleNamespace(connection=connection)))
        log.ship(3, NOW)
        prediction_id = connection.execute(
            "SELECT prediction_id FROM prediction_logs LIMIT 1"
        ).fetchone()["prediction_id"]
        prediction = PredictionLog(connection).get("fraud", prediction_id)
        explanations = ExplanationStore(connection)
        explanations.request(prediction, select="flagged", sample=0.1)
        assert explanations.get("fraud", prediction_id)
        connection.execute("LISTEN sixgate_promotions")


@pytest.mark.parametrize("role", [SERVER, STEPS])
def test_a_contract_is_applied_and_everybody_reads_the_predictions_as_before(
    signed_in: Any, role: str
) -> None:
    former = read_contract(ROOT / "reference" / "fraud")
    fewer = msgspec.structs.replace(former, features=former.features[1:], derived=())
    with signed_in(role) as connection:
        contracts = ContractStore(connection)
        assert contracts.apply(fewer)
        assert contracts.accepted("fraud") == [fewer, former]
        contracts.announce("fraud")
        for reader in (STEPS, PAGES):
            right = "SELECT has_table_privilege(%s, 'fraud_predictions', 'SELECT') AS held"
            assert connection.execute(right, (reader,)).fetchone() == {"held": True}
        assert contracts.apply(former)
        contracts.end("fraud", fewer.hash)
        assert contracts.accepted("fraud") == [former]
        connection.commit()


def test_pages_read_all_that_they_show_and_write_what_their_forms_send(signed_in: Any) -> None:
    with signed_in(PAGES) as connection:
        metrics, alerts = MetricStore(connection), AlertStore(connection)
        (
            metrics.latest("fraud"),
            metrics.days("fraud"),
            metrics.history("fraud", metric="psi", training=True),
        )
        alert = alerts.recent("fraud")[0]
        alerts.acknowledge("fraud", alert.id, "ann", "known")
        explanations = ExplanationStore(connection)
        explanations.recent("fraud", limit=5), explanations.failures("fraud", limit=5)
        explanations.counts("fraud", NOW), explanations.attributions("fraud", NOW, NOW)
        ModelStore(connection).profile("fraud", 1)
        DecisionStore(connection).recent("fraud")
