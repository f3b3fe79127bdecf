"""Draws a sample of all columns of a source, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingestion.checking import mapped
from pipelines.ingestion.sources.source import Part, Source
from pipelines.rules.use_case.contract import Contract, Feature, LabelColumn

MOST_ROWS = 100_000
MOST_CELLS = 10_000_000
SEED = 6
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sample:
    """Some rows of a source in their order, and the number of all rows."""

    table: pa.Table
    rows: int


def reading_all(columns: list[str], label: str) -> Contract:
    """Return a contract under which a source gives all of these columns as they are."""
    features = [Feature(name=name, type="category") for name in columns if name != label]
    return Contract(
        use_case="",
        title="",
        entity_key="",
        transaction_id="",
        label=LabelColumn(name=label),
        features=tuple(features),
        derived=(),
        sources={},
    )


def draw(source: Source, columns: int, progress: Progress = lambda _: None) -> Sample:
    """Draw rows at random, all rows with the same probability; all of them if they are few."""
    most = max(1000, min(MOST_ROWS, MOST_CELLS // max(1, columns)))
    random = np.random.default_rng(SEED)
    kept: list[pa.Table] = []
    rate = 1.0
    rows = 0
    held = 0
    for table in mapped(_all_rows, source.parts()):
        rows += len(table)
        part = table if rate == 1 else _some(table, rate, random)
        kept.append(part)
        held += len(part)
        while held > 2 * most:
            rate /= 2
            kept = [_some(_joined(kept), 0.5, random)]
            held = len(kept[0])
        progress(rows)
    table = _joined(kept)
    if len(table) > most:
        chosen = np.sort(random.choice(len(table), most, replace=False))
        table = table.take(pa.array(chosen))
    return Sample(table.combine_chunks(), rows)


def repeated_rows(table: pa.Table) -> int:
    """Count the rows that are equal to an earlier one."""
    distinct = table.group_by(table.column_names, use_threads=False).aggregate([])
    return len(table) - len(distinct)


def _all_rows(part: Part) -> pa.Table:
    return part.read().values


def _some(table: pa.Table, share: float, random: np.random.Generator) -> pa.Table:
    """Return a random share of the rows, without the memory of the others."""
    chosen = np.flatnonzero(random.random(len(table)) < share)
    return table.take(pa.array(chosen))


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Join tables; a column that has different types in some of them is text."""
    if not tables:
        return pa.table({})
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowTypeError:
        return pa.concat_tables([_as_text(table) for table in tables])


def _as_text(table: pa.Table) -> pa.Table:
    columns = [pc.cast(column, pa.string()) for column in table.columns]
    return pa.table(columns, names=table.column_names)
