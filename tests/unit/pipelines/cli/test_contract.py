"""`sixgate contract` says what a change means, applies it and lists the versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.errors import SixgateError, StackError, UseCaseError
from pipelines.exit_codes import OK, REFUSED
from pipelines.settings import ROOT
from pipelines.stores.contracts import ContractStore
from pipelines.stores.database import Connection
from pipelines.use_case import read_contract
from tests.integration.logged import rewrite

FRAUD = read_contract(ROOT / "reference" / "fraud")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Connection) -> Path:
    """The contract of fraud in a root of its own, which is in force."""
    folder = tmp_path / "reference" / "fraud"
    shutil.copytree(ROOT / "reference" / "fraud", folder)
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.delenv("SIXGATE_POLICY_OVERLAY", raising=False)
    rewrite(
        database, "TRUNCATE contracts, model_metadata, prediction_logs, serving_replicas CASCADE"
    )
    run("apply")
    return folder / "contract.yaml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["contract", *arguments])


def change(file: Path, name: str, settings: dict[str, Any]) -> None:
    document = yaml.safe_load(file.read_text())
    document["features"][name] = settings
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def test_a_difference_is_shown_with_its_meaning_and_changes_nothing(
    file: Path, database: Connection
) -> None:
    assert f"is the contract {FRAUD.hash}" in run("diff").stdout
    change(file, "channel", {"type": "int"})
    result = run("diff")
    assert result.exit_code == OK
    assert "features.channel: none → 'int'" in result.stdout
    assert "a required feature is added" in result.stdout
    assert "clients may send: rows with the feature" in result.stdout
    assert ContractStore(database).current("fraud") == FRAUD


def test_json_has_every_meaning(file: Path) -> None:
    change(file, "amount", {"type": "float", "range": [0, 1e9]})
    document = json.loads(run("diff", "--json").stdout)
    assert document["former"] == FRAUD.hash
    (widened,) = (each for each in document["changes"] if each["key"].endswith("range"))
    assert widened["kind"] == "a range is widened or removed"
    assert widened["clients"] and widened["champion"] and widened["ends"]


def test_a_difference_to_a_file_or_to_an_earlier_contract_is_shown(
    file: Path, tmp_path: Path
) -> None:
    former = tmp_path / "former.yaml"
    shutil.copy(file, former)
    change(file, "channel", {"type": "int", "nullable": True})
    run("apply")
    assert "is the contract" in run("diff").stdout
    for against in (str(former), FRAUD.hash):
        assert "a nullable feature is added" in run("diff", "--against", against).stdout
    refused = run("diff", "--against", "nothing")
    assert isinstance(refused.exception, UseCaseError)
    assert "see `sixgate contract list" in str(refused.exception)


def test_a_refused_change_is_not_applied(file: Path, database: Connection) -> None:
    change(file, "amount", {"type": "bool"})
    result = run("diff")
    assert result.exit_code == REFUSED
    assert "REFUSED: give the feature another name" in result.stdout
    applied = run("apply")
    assert isinstance(applied.exception, UseCaseError)
    assert ContractStore(database).current("fraud") == FRAUD


def test_a_refused_change_can_be_taken_before_anything_was_trained_or_scored(
    file: Path, database: Connection
) -> None:
    change(file, "amount", {"type": "bool"})
    assert run("apply", "--replace").exit_code == OK
    assert [contract.hash for contract in ContractStore(database).accepted("fraud")] == [
        read_contract(file.parent).hash
    ]
    database.execute(
        "INSERT INTO model_metadata (use_case, version, run_id, mlflow_run_id, kind, digest,"
        " contract_hash, threshold, metrics, data_hash)"
        " VALUES ('fraud', 1, 'r', 'm', 'k', 'd', %s, 0.5, '{}', 'h')",
        (FRAUD.hash,),
    )
    change(file, "amount", {"type": "float"})
    refused = run("apply", "--replace")
    assert isinstance(refused.exception, SixgateError)
    assert "has models or scored rows" in str(refused.exception)


def test_applied_contracts_are_listed(file: Path) -> None:
    change(file, "channel", {"type": "int", "nullable": True})
    assert "is now in force" in run("apply").stdout
    assert "was already in force" in run("apply").stdout
    text = run("list").stdout
    assert "current" in text
    assert "accepted" in text
    newest, first = json.loads(run("list", "--json").stdout)
    assert newest["contract_hash"] == read_contract(file.parent).hash
    assert first["contract_hash"] == FRAUD.hash


def test_a_server_that_does_not_follow_is_named(file: Path, database: Connection) -> None:
    database.execute(
        "INSERT INTO serving_replicas (replica, use_case, contract_hash, seen_at)"
        " VALUES ('host-8000-1', 'fraud', 'another', now())"
    )
    change(file, "channel", {"type": "int", "nullable": True})
    result = run("apply", "--wait", "0")
    assert isinstance(result.exception, StackError)
    assert "host-8000-1" in str(result.exception)
