"""A team's own database with payments and chargebacks, and a use case that imports from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml

from pipelines.steps.ingestion.increment import CONNECTION
from pipelines.stores.baseline import write_baseline
from tests.integration.changing_use_case import CONTRACT, POLICY, SHOP, Shop

START = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAYMENTS = "SELECT p.*, now() AS unused FROM payments AS p WHERE updated_at > :watermark"
CHARGEBACKS = (
    'SELECT "order", outcome AS returned, reported_at FROM chargebacks'
    " WHERE reported_at > :watermark"
)
HISTORY = {"connection": "warehouse", "watermark": "updated_at", "sql": PAYMENTS}
LABELS = {"connection": "warehouse", "watermark": "reported_at", "sql": CHARGEBACKS}
TABLES = """
CREATE TABLE payments (
    "order" text PRIMARY KEY, customer integer, event_time timestamptz, returned text, amount numeric(12, 2), items smallint,
    online boolean, channel varchar(10), updated_at timestamptz
);
CREATE TABLE chargebacks ("order" text, outcome text, reported_at timestamptz);
"""
PAY = """
INSERT INTO payments
SELECT 'o-' || n, n %% 50, timestamptz '2026-04-01 00:00+02' + n * interval '1 minute',
       CASE WHEN (n * 7919) %% 400 > 320 AND n %% 7 <> 0 THEN 'chargeback' ELSE 'cleared' END, 20 + (n * 7919) %% 400 + 0.25, n %% 9, n %% 3 = 0,
       (ARRAY['web', 'app', 'store'])[1 + n %% 3], %(first)s + (n - %(begin)s) * interval '1 second'
FROM generate_series(%(begin)s::integer, %(end)s::integer - 1) AS n
"""


class Warehouse:
    """The team's database: `payments` with labelled history, `chargebacks` with labels."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute(TABLES)

    def pay(self, begin: int, end: int, first: datetime = START) -> None:
        """Add payments of numbers from `begin` up to `end`, changed a second after another."""
        self.connection.execute(PAY, {"begin": begin, "end": end, "first": first})

    def change(self, number: int, updated_at: datetime, **columns: Any) -> None:
        """Change a payment."""
        for name, value in {**columns, "updated_at": updated_at}.items():
            statement = f'UPDATE payments SET "{name}" = %s WHERE "order" = %s'
            self.connection.execute(statement, [value, f"o-{number}"])  # type: ignore[arg-type]

    def report(self, *chargebacks: tuple[str, str, datetime]) -> None:
        """Add chargebacks: order, outcome and the time of the report."""
        with self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO chargebacks VALUES (%s, %s, %s)", chargebacks)


class ImportingShop(Shop):
    """The use case, with labels in words, and rows in a database that a test may read."""

    @classmethod
    def importing(
        cls, root: Path, database_url: str, *, ingest: dict[str, Any], **policy: Any
    ) -> ImportingShop:
        """Make the folder with a policy that imports."""
        shop = cls.new(root, database_url=database_url)
        contract = copy.deepcopy(CONTRACT)
        contract["label"] = {
            "name": "returned",
            "positive": ["chargeback"],
            "negative": ["cleared"],
            "unlabelled": ["open"],
        }
        shop.write(contract)
        (shop.folder / "baseline.parquet").unlink()
        (shop.folder / "manifest.json").unlink()
        write_baseline(shop.folder, shop.contract, shop.history(1500), {"test": "shop"})
        shop.say(ingest=ingest, **policy)
        return shop

    def say(self, **policy: Any) -> None:
        """Write the policy."""
        text = yaml.safe_dump({**POLICY, **policy}, sort_keys=False)
        (self.folder / "policy.yaml").write_text(text)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            yield connection

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the database of Sixgate."""
        with self.database() as connection:
            return connection.execute(statement.encode()).fetchall()

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that imports wrote, without the times at which they did."""
        return {
            "rows": self.rows(
                "SELECT transaction_id, entity_key, event_time, label, contract_hash, features FROM ingested_rows ORDER BY 1"
            ),
            "labels": self.rows(
                "SELECT transaction_id, label, labelled_at, source FROM label_store ORDER BY id"
            ),
            "imported": self.rows(
                "SELECT transaction_id, labelled_at, label FROM ingested_labels ORDER BY 1, 2, 3"
            ),
            "files": self.rows(
                "SELECT source, name, digest, rows FROM ingested_files ORDER BY 1, 2, 3"
            ),
            "watermarks": self.rows("SELECT source, watermark FROM ingest_watermarks ORDER BY 1"),
        }

    def open_alerts(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT cause, severity, message FROM monitoring_alerts WHERE state = 'OPEN' ORDER BY id"
        )


__all__ = [
    "CONNECTION",
    "HISTORY",
    "LABELS",
    "SECOND",
    "SHOP",
    "START",
    "ImportingShop",
    "Warehouse",
]
