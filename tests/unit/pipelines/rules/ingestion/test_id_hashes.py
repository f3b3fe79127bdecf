"""Hashes of ids: equal for equal ids, wherever they lie in a column."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.ingestion.id_hashes import SeenFilter, hash_ids


@given(st.lists(st.text(max_size=40), min_size=1), st.data())
def test_a_hash_depends_on_the_id_alone(ids: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ids)))
    column = pa.array(ids, pa.string())
    hashes = hash_ids(column)
    assert hash_ids(column.slice(start)).tolist() == hashes[start:].tolist()
    by_id = dict(zip(ids, hashes.tolist(), strict=True))
    assert [by_id[id_] for id_ in ids] == hashes.tolist()


def test_hashes_of_like_ids_differ() -> None:
    ids = [*(str(n) for n in range(100_000)), *("x" * n for n in range(1, 129)), "", "\0", "\0\0"]
    assert len(np.unique(hash_ids(pa.array(ids)))) == len(ids)


def test_the_filter_finds_what_was_added_and_little_else() -> None:
    seen = SeenFilter(bits=20)
    hashes = hash_ids(pa.array([str(n) for n in range(20_000)]))
    first = seen.add(hashes[:10_000])
    assert first.mean() < 0.01
    assert seen.add(hashes[:10_000]).all()
    assert seen.add(hashes[10_000:]).mean() < 0.02
