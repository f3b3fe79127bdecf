"""A CSV file of simulated payments, for measurements of the import."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipelines.rules.use_case.contract import Contract, Feature

PART = 250_000
START = np.datetime64("2024-01-01", "s")


def write_history(file: Path, contract: Contract, rows: int) -> None:
    """Write labelled rows.

    One in 10,000 breaks the contract, and one in 100,000 has the id of an earlier one.
    """
    random = np.random.default_rng(17)
    with file.open("wb") as out:
        for first in range(0, rows, PART):
            table = _part(contract, first, min(PART, rows - first), random)
            options = pyarrow.csv.WriteOptions(include_header=not first, quoting_style="none")
            pyarrow.csv.write_csv(table, out, options)


def _part(contract: Contract, first: int, rows: int, random: np.random.Generator) -> pa.Table:
    numbers = np.arange(first, first + rows)
    repeated = (numbers % 100_000 == 99_999) & (numbers > 0)
    columns = {
        contract.transaction_id: pa.array(np.where(repeated, numbers // 2, numbers)),
        contract.entity_key: pa.array(random.integers(0, 50_000, rows)),
        contract.event_time: pa.array(START + numbers).cast(pa.string()),
        contract.label.name: pa.array((random.random(rows) < 0.01).astype(np.int8)),
    }
    for feature in contract.features:
        columns[feature.name] = _values(feature, rows, random)
    wrong = pa.array(numbers % 10_000 == 5_000)
    amount = columns["amount"].cast(pa.string())
    columns["amount"] = pc.if_else(wrong, "much", amount)
    return pa.table(columns)


def _values(feature: Feature, rows: int, random: np.random.Generator) -> pa.Array:
    if feature.type == "bool":
        return pa.array(random.integers(0, 2, rows))
    high = min(feature.range[1], 100.0) if feature.range else 1.0
    if "count" in feature.name:
        return pa.array(random.integers(0, int(high), rows).astype(float))
    return pa.array(np.round(random.random(rows) * high, 2 if high > 1 else 4))
