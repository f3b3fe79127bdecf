"""The baselines that come with the repository.

They are drawn from the seeded simulators and stored; a test draws them again and compares.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.rules.ingestion.row_checks import snapshot_schema
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.stores.baseline import Manifest, write_baseline
from stack.demo import profiles
from stack.demo.simulator import Transactions, World, simulate

SEED = 6
WORLD = World(seed=SEED, start=datetime(2026, 1, 5, tzinfo=UTC), days=28)
ROWS = 30_000


def draw(contract: Contract) -> pa.Table:
    """Return ROWS transactions of four whole weeks without drift, in order of time."""
    transactions = simulate(WORLD, contract.use_case)
    sample = _sample(len(transactions), ROWS)
    return as_snapshot(transactions.take(sample), contract)


def _sample(n: int, size: int) -> NDArray[np.int64]:
    """Return `size` distinct positions below `n`, drawn with the fixed seed, in ascending order."""
    random = np.random.default_rng(SEED)
    return np.sort(random.choice(n, size, replace=False))


def as_snapshot(transactions: Transactions, contract: Contract) -> pa.Table:
    """Return simulated transactions as rows of a snapshot.

    Features are rounded to 6 decimals, so that the file is the same on every machine. A feature
    that the simulator does not have, or that is a category, is missing.
    """
    event_time = pa.array(transactions.event_time)
    columns = {
        "transaction_id": transactions.transaction_id,
        "entity_key": transactions.entity_key,
        "event_time": event_time.cast(pa.timestamp("us", tz="UTC")),
        "label": transactions.label,
    }
    for feature in contract.features:
        columns[feature.name] = _simulated(transactions, feature)
    return pa.table(columns, schema=snapshot_schema(contract))


def _simulated(transactions: Transactions, feature: Feature) -> pa.Array:
    values = transactions.features.get(feature.name)
    if values is None or feature.type == "category":
        return pa.nulls(len(transactions), pa.float64())
    return pa.array(np.round(values, 6))


def freeze(folder: Path, contract: Contract) -> Manifest:
    """Write `baseline.parquet` and `manifest.json` of a use case that has a simulator."""
    source: dict[str, str | int | float] = {
        "simulator": f"{profiles.__name__}.{contract.use_case}",
        "seed": SEED,
        "start": WORLD.start.date().isoformat(),
        "days": WORLD.days,
    }
    return write_baseline(folder, contract, draw(contract), source)


def freeze_snapshot(folder: Path, contract: Contract, table: pa.Table, snapshot: str) -> Manifest:
    """Write both files from an ingested snapshot: at most ROWS rows, sampled in their order."""
    sample = _sample(len(table), min(ROWS, len(table)))
    source: dict[str, str | int | float] = {"snapshot": snapshot, "seed": SEED}
    return write_baseline(folder, contract, table.take(sample), source)
