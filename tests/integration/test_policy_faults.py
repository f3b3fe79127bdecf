"""Steps, rollbacks and the server while the files of a use case are invalid: on a real database and a real MLflow."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.types.json import Jsonb

from pipelines.settings import ROOT
from pipelines.use_case import read_policy
from tests.integration.candidates import Lifecycle
from tests.integration.logged import rewrite
from tests.integration.server import Database, Server, one, until
from tests.thoroughness import THOROUGH

Break = Callable[["Place"], None]


@dataclass(frozen=True)
class Place:
    """A root with a use case of its own, a home, and an overlay."""

    path: Path
    environment: dict[str, str]

    @property
    def fraud(self) -> Path:
        return self.path / "root" / "reference" / "fraud"

    @property
    def overlay(self) -> Path:
        return self.path / "over.yaml"

    def sixgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=120
        )

    def rollback(self) -> dict[str, Any]:
        done = self.sixgate("rollback", "--reason", "a test", "--json")
        assert done.returncode == 0, done.stderr[-2000:]
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def step(self, name: str, **params: Any) -> subprocess.CompletedProcess[str]:
        return self.sixgate(
            "step", name, "--run-id", f"{name}-{self.path.name}", "--params", json.dumps(params)
        )


@pytest.fixture(scope="module")
def lifecycle(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Lifecycle]:
    """Version 1 is in Production, and MLflow runs."""
    made_lifecycle = Lifecycle(tmp_path_factory.mktemp("lifecycle"), database_url)
    made_lifecycle.start_mlflow()
    decision, _ = made_lifecycle.candidate("first", bias=-2)
    assert made_lifecycle.promote(decision) == "DONE"
    yield made_lifecycle
    made_lifecycle.stop_mlflow()


@pytest.fixture
def promoted(lifecycle: Lifecycle, tmp_path: Path) -> int:
    """The version that is in Production, over another one that was."""
    decision, version = lifecycle.candidate(str(tmp_path), bias=1)
    assert lifecycle.promote(decision) == "DONE"
    return version


@pytest.fixture
def place(tmp_path: Path, lifecycle: Lifecycle, database: Database) -> Place:
    shutil.copytree(ROOT / "reference", tmp_path / "root" / "reference")
    (tmp_path / "root" / "sql").symlink_to(ROOT / "sql")
    database.execute("TRUNCATE monitoring_alerts CASCADE")
    made_place = Place(
        tmp_path,
        {
            **os.environ,
            "SIXGATE_ROOT": str(tmp_path / "root"),
            "SIXGATE_HOME": str(tmp_path / "home"),
            "SIXGATE_DATABASE_URL": lifecycle.settings.database_url,
            "SIXGATE_POLICY_OVERLAY": str(tmp_path / "over.yaml"),
            "MLFLOW_TRACKING_URI": lifecycle.mlflow_uri,
        },
    )
    made_place.overlay.write_text("gates: {recall: 0.55}")
    return made_place


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def misspell(place: Place) -> None:
    policy = place.fraud / "policy.yaml"
    policy.write_text(
        policy.read_text().replace("  recall:", "  brier_degradatoin: 0.01\n  recall:")
    )


def alert(database: Database) -> tuple[str, str, str] | None:
    """Severity, state and message of the newest alert about a policy."""
    return database.execute(
        "SELECT severity, state, message FROM monitoring_alerts WHERE cause = 'policy_invalid' ORDER BY id DESC LIMIT 1"
    ).fetchone()


FAULTS = [
    pytest.param(misspell, "brier_degradatoin", id="a typo in the policy"),
    pytest.param(
        lambda place: (place.fraud / "policy.yaml").unlink(),
        "policy.yaml is missing",
        id="no policy",
    ),
    pytest.param(
        lambda place: place.overlay.write_text("gates: {recal: 1}"),
        "recal",
        id="a typo in the overlay",
    ),
    pytest.param(
        lambda place: (place.fraud / "contract.yaml").write_text("a: ["),
        "contract.yaml is not",
        id="no contract",
    ),
    pytest.param(lambda place: shutil.rmtree(place.fraud), "use case|is missing", id="no folder"),
]
ROLLBACKS = [
    pytest.param(*fault.values, copied, id=f"{fault.id}, {'with' if copied else 'without'} a copy")
    for number, fault in enumerate(FAULTS)
    for copied in (True, False)
    if THOROUGH or copied == (number % 2 == 0)
]


@pytest.mark.parametrize(("break_it", "words", "copied"), ROLLBACKS)
def test_a_rollback_never_depends_on_the_files(
    place: Place, promoted: int, database: Database, break_it: Break, words: str, copied: bool
) -> None:
    if copied:
        assert place.step("roll_up").returncode == 0
        assert (place.path / "home" / "policies" / "fraud" / "policy.yaml").exists()
    break_it(place)
    found = place.rollback()
    assert (found["from_version"], found["state"]) == (promoted, "DONE")
    opened = alert(database)
    assert opened and opened[:2] == ("ALERT", "OPEN")
    assert any(word in opened[2] for word in words.split("|"))
    assert ("The last valid" if copied else "The rollback uses the built-in policy") in opened[2]


def test_a_rollback_without_a_copy_uses_the_policy_of_the_newest_decision(
    place: Place, promoted: int, database: Database
) -> None:
    policy = msgspec.to_builtins(read_policy(ROOT / "reference" / "fraud"))
    rewrite(
        database,
        "UPDATE decision_records SET policy = %s WHERE challenger_version = %s",
        (Jsonb(policy), promoted),
    )
    misspell(place)
    assert place.rollback()["from_version"] == promoted
    decision = one(
        database, "SELECT id FROM retraining_decisions WHERE challenger_version = %s", promoted
    )
    opened = alert(database)
    assert opened and f"The rollback uses the policy of decision {decision}" in opened[2]
    rewrite(database, "UPDATE decision_records SET policy = '{}'")


def test_a_step_runs_under_the_last_valid_policy_says_so_once_and_the_alert_ends_with_the_fault(
    place: Place, lifecycle: Lifecycle, database: Database
) -> None:
    valid = (place.fraud / "policy.yaml").read_text()
    assert place.step("roll_up").returncode == 0
    assert alert(database) is None
    misspell(place)
    done = place.step("roll_up")
    assert done.returncode == 0
    said = [line for line in done.stdout.splitlines() if "brier_degradatoin" in line]
    assert (
        len(said) == 1
        and "The last valid policy.yaml of 20" in said[0]
        and "stays in force" in said[0]
    )
    assert place.step("check_conditions", force=True, reason="a test").returncode in (0, 99)
    kept = one(
        database, "SELECT policy FROM retraining_decisions WHERE run_id ^@ 'check_conditions-'"
    )
    assert kept["gates"]["recall"] == 0.55 and kept["gates"]["brier_degradation"] == 0.01
    severity, state, message = alert(database) or ("", "", "")
    assert (severity, state) == ("ALERT", "OPEN")
    assert (
        "fraud/policy.yaml: gates.brier_degradatoin" in message
        and "did you mean gates.brier_degradation?" in message
    )
    (place.fraud / "policy.yaml").write_text(valid)
    assert place.step("roll_up").returncode == 0
    assert (alert(database) or ("", ""))[1] == "RESOLVED"


def test_a_review_is_recorded_while_the_policy_is_invalid(
    place: Place, lifecycle: Lifecycle, database: Database
) -> None:
    assert place.step("roll_up").returncode == 0
    decision, _ = lifecycle.candidate(f"reviewed-{place.path}", bias=0)
    misspell(place)
    done = place.step("review", decision_id=decision, approved=True, reviewer="ann", comment="fine")
    assert done.returncode == 0, done.stderr
    assert (
        one(database, "SELECT reviewer FROM retraining_decisions WHERE id = %s", decision) == "ann"
    )


def test_a_step_without_any_copy_is_refused_with_the_fault(
    place: Place, lifecycle: Lifecycle
) -> None:
    misspell(place)
    done = place.step("roll_up")
    assert done.returncode == 2
    assert "gates.brier_degradatoin" in done.stderr


def test_a_rollback_of_an_unknown_use_case_names_those_that_are_there(
    place: Place, lifecycle: Lifecycle
) -> None:
    done = place.sixgate("rollback", "--use-case", "cats", "--reason", "a test")
    assert (done.returncode, "there is no use case 'cats'" in done.stderr) == (2, True)


def test_a_server_that_starts_with_an_invalid_contract_serves_by_its_last_valid_one(
    place: Place, lifecycle: Lifecycle, database_url: str, tmp_path: Path
) -> None:
    server = Server(tmp_path, database_url, lifecycle.mlflow_uri)
    root = str(place.path / "root")
    try:
        server.start(SIXGATE_ROOT=root)
        version = server.version
        server.end()
        (place.fraud / "contract.yaml").write_text("a: [")
        server.start(SIXGATE_ROOT=root)
        assert (server.version, server.predict()["model_version"]) == (version, version)
        ready = server.client.get("/readyz")
        assert (ready.status_code, ready.json()["without_model"]) == (200, [])
        assert "contract.yaml is not YAML" in ready.json()["faults"]["fraud"]
        assert (
            'sixgate_use_case_invalid{use_case="fraud"} 1.0' in server.client.get("/metrics").text
        )
    finally:
        server.end(signal.SIGKILL)
        server.client.close()


def test_a_server_is_not_ready_while_a_use_case_has_no_model(
    place: Place, database_url: str, tmp_path: Path
) -> None:
    shutil.copytree(place.fraud, place.fraud.parent / "loans")
    server = Server(tmp_path, database_url)
    try:
        server.start(ready=False, SIXGATE_ROOT=str(place.path / "root"), SIXGATE_USE_CASES="all")
        until(
            lambda: server.client.get("/readyz").json()["without_model"],
            "the server says what is missing",
        )
        assert server.client.get("/readyz").status_code == 503
        assert "loans" in server.client.get("/readyz").json()["detail"]
    finally:
        server.end(signal.SIGKILL)
        server.client.close()
