"""Repeated ids are found exactly, on disk."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.ingestion import repeated_ids
from pipelines.ingestion.repeated_ids import RepeatedIds

BATCHES = st.lists(st.lists(st.text(max_size=20) | st.sampled_from("abc"), max_size=8), max_size=4)


def later_ones(batches: list[list[str]]) -> list[int]:
    ids = [id_ for batch in batches for id_ in batch]
    return [row for row, id_ in enumerate(ids) if id_ in ids[:row]]


def added(batches: list[list[str]], folder: Path) -> tuple[list[int], list[int]]:
    """The rows that may be repeated, and those that are."""
    ids = RepeatedIds(folder)
    try:
        marks = [ids.add(pa.array(batch, pa.string())) for batch in batches]
        marked = np.flatnonzero(np.concatenate([np.zeros(0, bool), *marks])).tolist()
        return marked, ids.repeated().tolist()
    finally:
        ids.close()


@given(BATCHES)
def test_each_later_row_with_the_same_id_is_found(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    marked, repeated = added(batches, folder)
    assert repeated == later_ones(batches)
    assert set(repeated) <= set(marked)
    assert list(folder.iterdir()) == []


def test_ids_with_the_same_hash_are_not_taken_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(ids: pa.StringArray) -> NDArray[np.uint64]:
        return np.full(len(ids), 7, np.uint64)

    monkeypatch.setattr(repeated_ids, "hash_ids", same)
    marked, repeated = added([["a", "b"], ["c", "a"]], tmp_path)
    assert (marked, repeated) == ([1, 2, 3], [3])
