"""The sources that the guide on imports from a warehouse shows do what it says, on a real PostgreSQL."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from pipelines.context import context
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.steps.ingestion.increment import CONNECTION
from pipelines.use_case import read_contract

GUIDE = (ROOT / "docs" / "how-to" / "ingest-from-a-warehouse.md").read_text()
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
POLICY, NEGATIVES, WORDS, HISTORY, FOLDERS = (yaml.safe_load(block) for block in BLOCKS)
RAW = read_contract(ROOT / "reference" / "fraud").raw
TABLES = f"""
CREATE TABLE payments (transaction_id text, customer_id integer, paid_at timestamptz, {", ".join(f"{name} float" for name in RAW)});
CREATE TABLE chargebacks (transaction_id text, outcome text, reported_at timestamptz);
"""
PAY = f"INSERT INTO payments SELECT %s, 1, now() - %s * interval '1 day', {', '.join('0' for _ in RAW)}"


class Bank:
    """The team's tables, and the use case that the guide is about."""

    def __init__(self, settings: Settings, connection: psycopg.Connection[Any]) -> None:
        self.settings = settings
        self.connection = connection
        self.folder = settings.reference / "fraud"

    def pay(self, name: str, *, days: float) -> None:
        self.connection.execute(PAY, [name, days])

    def report(self, name: str, outcome: str, *, days: float) -> None:
        statement = "INSERT INTO chargebacks VALUES (%s, %s, now() - %s * interval '1 day')"
        self.connection.execute(statement, [name, outcome, days])

    def run(self, step: str, ingest: dict[str, Any]) -> Any:
        (self.folder / "policy.yaml").write_text(yaml.safe_dump({"ingest": ingest}))
        run = context(self.settings, "fraud", "guide", datetime.now(UTC))
        return perform(step, run)

    def stored(self, statement: str) -> dict[str, int]:
        with psycopg.connect(self.settings.database_url) as connection:
            return dict(connection.execute(statement.encode()).fetchall())

    def labels(self) -> dict[str, int]:
        return self.stored("SELECT transaction_id, label FROM current_labels")


@pytest.fixture
def bank(
    migrated: str,
    copy_database: Callable[[str], str],
    new_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bank]:
    shutil.copytree(ROOT / "reference", tmp_path / "reference")
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    settings = Settings(root=tmp_path, home=tmp_path, database_url=copy_database(migrated))
    url = new_database()
    monkeypatch.setenv(CONNECTION, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield Bank(settings, connection)


def test_chargebacks_are_imported_as_positives(bank: Bank) -> None:
    bank.report("c", "chargeback", days=3)
    assert bank.run("ingest_labels", POLICY["ingest"])["accepted"] == 1
    assert bank.labels() == {"c": 1}


def test_payments_without_a_chargeback_after_60_days_are_negatives_until_one_comes(
    bank: Bank,
) -> None:
    ingest = {"labels": {**POLICY["ingest"]["labels"], **NEGATIVES}}
    for name, days in (("old", 90), ("older", 200), ("young", 30), ("bad", 20)):
        bank.pay(name, days=days)
    bank.report("bad", "chargeback", days=3)
    assert bank.run("ingest_labels", ingest)["accepted"] == 3
    assert bank.labels() == {"old": 0, "older": 0, "bad": 1}
    bank.report("old", "chargeback", days=0)
    bank.pay("matured", days=60.00001)
    result = bank.run("ingest_labels", ingest)
    assert (result["accepted"], result["corrected"]) == (1, 1)
    assert bank.labels() == {"old": 1, "older": 0, "bad": 1, "matured": 0}


def test_words_are_listed_in_the_contract(bank: Bank) -> None:
    contract = yaml.safe_load((bank.folder / "contract.yaml").read_text()) | WORDS
    (bank.folder / "contract.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    for name, outcome in (("a", "confirmed"), ("b", "cleared"), ("c", "open"), ("d", "1")):
        bank.report(name, outcome, days=1)
    query = POLICY["ingest"]["labels"]["sql"].replace("1 AS", "outcome AS")
    result = bank.run("ingest_labels", {"labels": {**POLICY["ingest"]["labels"], "sql": query}})
    assert (result["accepted"], result["not_labelled"]) == (3, 1)
    assert bank.labels() == {"a": 1, "b": 0, "d": 1}


def test_history_is_read_when_its_label_is_known_and_again_when_it_changes(bank: Bank) -> None:
    ingest = {"history": HISTORY["history"]}
    for name, days in (("old", 90), ("older", 200), ("young", 30)):
        bank.pay(name, days=days)
    assert bank.run("ingest_history", ingest)["new"] == 2
    bank.report("older", "chargeback", days=0)
    bank.pay("matured", days=60.00001)
    result = bank.run("ingest_history", ingest)
    assert (result["new"], result["changed"]) == (1, 1)
    rows = bank.stored("SELECT transaction_id, label FROM ingested_rows")
    assert rows == {"old": 0, "older": 1, "matured": 0}


def test_folders_are_valid_sources(bank: Bank, tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    ingest = FOLDERS["ingest"]
    ingest["history"]["folder"] = str(incoming)
    with pytest.raises(Exception, match=f"{incoming} has no new files"):
        bank.run("ingest_history", ingest)
