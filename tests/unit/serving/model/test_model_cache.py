"""Models on the local disk: complete ones only, the newest few, and the one that served last."""

from __future__ import annotations

import os

import pytest

from pipelines.rules.model.bundle import WARM_UP
from serving.model.model_cache import KEPT, ModelCache
from tests.unit.serving import made


@pytest.fixture
def cache(tmp_path):
    return ModelCache(tmp_path)


def test_the_cache_returns_complete_models_only_and_remembers_the_last(cache, tmp_path):
    files = made.files()
    served = made.served(files)
    assert cache.get(served) is None
    assert cache.last() is None
    cache.put(served, files)
    assert cache.get(served) == files
    assert cache.last() == served
    (tmp_path / served.digest / "model.onnx").write_bytes(b"x")
    assert cache.get(served) is None
    cache.put(served, files)
    assert cache.get(served) == files


def test_the_cache_keeps_the_newest_models_only(cache, tmp_path):
    for bias in range(KEPT + 2):
        files = made.files(bias=bias)
        cache.put(made.served(files), files)
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == KEPT
    assert cache.get(made.served(files)) == files


def test_a_warm_up_is_kept_with_its_model_and_may_be_missing(cache):
    files = made.files()
    served = made.served(files)
    cache.put(served, files)
    assert WARM_UP not in cache.get(served)
    warm = files | {WARM_UP: b"{}"}
    cache.put(served, warm)
    assert cache.get(served) == warm


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"version":', id="cut off"),
        pytest.param(b'{"version": "one", "digest": "x"}', id="of another type"),
    ],
)
def test_an_unreadable_note_of_the_last_model_counts_as_none(cache, tmp_path, content):
    (tmp_path / "served.json").write_bytes(content)
    assert cache.last() is None


def test_a_model_that_another_replica_stores_at_the_same_time_is_complete_afterwards(
    cache, tmp_path, monkeypatch
):
    files = made.files()
    served = made.served(files)
    rename = os.rename

    def second(source, target):
        """The other replica has stored the model just before this one renames its folder."""
        monkeypatch.setattr(os, "rename", rename)
        ModelCache(tmp_path).put(served, files)
        rename(source, target)

    monkeypatch.setattr(os, "rename", second)
    cache.put(served, files)
    assert cache.get(served) == files
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [served.digest]


def test_the_model_that_serves_is_kept_however_old_it_is(cache, tmp_path):
    first = made.files(bias=-1)
    cache.put(made.served(first), first)
    for bias in range(KEPT):
        files = made.files(bias=bias)
        cache.put(made.served(files), files)
        os.utime(tmp_path / made.served(files).digest, (2e9, 2e9))
    cache.put(made.served(first), first)
    assert cache.get(made.served(first)) == first
