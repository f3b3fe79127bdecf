"""The same import as a script for DuckDB: read, check each value, keep what conforms."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipelines.rules.use_case.contract import Contract


def import_with_duckdb(file: Path, folder: Path, contract: Contract) -> int:
    """Write the conforming rows as Parquet, find repeated ids, and return the number of rows.

    A value that is refused refuses its row and not the file, so every value is read as text and
    tried. The refused rows are not written.
    """
    out = folder / "duckdb.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM ({_rows(file, contract)}) WHERE {' AND '.join(_rules(contract))})"  # noqa: S608
            f" TO '{out}' (FORMAT parquet, COMPRESSION lz4)"
        )
        row = connection.execute(
            f"SELECT count(*), count(DISTINCT transaction_id) FROM read_parquet('{out}')"  # noqa: S608
        ).fetchone()
    return int(row[0]) if row else 0


def _rows(file: Path, contract: Contract) -> str:
    """Return the query of the file's rows with the types of a snapshot."""
    is_csv = file.suffix == ".csv"
    source = f"read_csv('{file}', all_varchar=true)" if is_csv else f"read_parquet('{file}')"
    names = {} if is_csv else {target: source for source, target in contract.sources.items()}

    def column(name: str) -> str:
        return f'"{names.get(name, name)}"'

    values = [
        f"CAST({column(contract.transaction_id)} AS VARCHAR) AS transaction_id",
        f"CAST({column(contract.entity_key)} AS VARCHAR) AS entity_key",
        f"TRY_CAST({column(contract.event_time)} AS TIMESTAMP) AS event_time",
        f"TRY_CAST({column(contract.label.name)} AS DOUBLE) AS label",
        *(f"TRY_CAST({column(name)} AS DOUBLE) AS {name}" for name in contract.raw),
    ]
    return f"SELECT {', '.join(values)} FROM {source}"  # noqa: S608


def _rules(contract: Contract) -> Iterator[str]:
    yield "length(transaction_id) BETWEEN 1 AND 128"
    yield "event_time BETWEEN TIMESTAMP '1970-01-01' AND now()::TIMESTAMP + INTERVAL 1 DAY"
    yield "label IN (0, 1)"
    for feature in contract.features:
        if feature.type == "bool":
            yield f"{feature.name} IN (0, 1)"
        else:
            low, high = feature.range or (-3.4e38, 3.4e38)
            yield f"{feature.name} BETWEEN {low} AND {high}"
