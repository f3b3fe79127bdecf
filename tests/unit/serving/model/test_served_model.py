"""A model is proven before it serves."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import WARM_UP, KnownAnswers
from pipelines.rules.promotion.ledger import Served
from serving.model.model_cache import KEPT, ModelCache
from serving.model.served_model import load
from tests.unit.serving import made


def test_a_whole_model_loads_and_scores_missing_features():
    files = made.files(bias=-1)
    model = load(files, made.served(files, 3), made.FRAUD)
    features = np.full((2, len(made.FRAUD.columns)), np.nan)
    features[1] = 1e300
    low, high = model.score(features)
    assert low == pytest.approx(1 / (1 + np.e), abs=1e-6) and high == 1
    assert (model.served.version, model.bundle.threshold) == (3, made.THRESHOLD)


def spoilt(name: str, content: bytes) -> dict[str, bytes]:
    return made.files() | {name: content}


def without(bundle: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(bundle) | changes).encode()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(made.files(wrong_by=0.01), "known answers differ", id="wrong answers"),
        pytest.param(
            spoilt("known_answers.json", b'{"features":[],"scores":[]}'),
            "known answers",
            id="no answers",
        ),
        pytest.param(
            spoilt("known_answers.json", b"x"),
            "known answers can't be tried",
            id="unreadable answers",
        ),
        pytest.param(spoilt("model.onnx", b"x"), "can't be tried", id="no graph"),
        pytest.param(
            spoilt("bundle.json", without(made.files()["bundle.json"], contract_hash="x")),
            "contract hash",
            id="contract",
        ),
        pytest.param(
            spoilt("bundle.json", without(made.files()["bundle.json"], columns=["a"])),
            "columns",
            id="other columns",
        ),
    ],
)
def test_a_model_that_can_not_be_proven_is_rejected(files, words):
    with pytest.raises(ModelRejected, match=words):
        load(files, made.served(files), made.FRAUD)


def test_files_that_are_not_what_the_ledger_names_are_rejected():
    with pytest.raises(ModelRejected, match="digest"):
        load(made.files(), Served(1, "0" * 64), made.FRAUD)


def test_the_cache_gives_back_whole_models_only_and_remembers_the_last(tmp_path):
    cache, files = ModelCache(tmp_path / "models"), made.files()
    name = made.served(files)
    assert cache.get(name) is None and cache.last() is None
    cache.put(name, files)
    assert cache.get(name) == files and cache.last() == name
    (tmp_path / "models" / name.digest / "model.onnx").write_bytes(b"x")
    assert cache.get(name) is None
    cache.put(name, files)
    assert cache.get(name) == files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            msgspec.json.encode(KnownAnswers([[0.0] * len(made.FRAUD.columns)], [0.5])),
            "",
            id="warm",
        ),
        pytest.param(b"[", "without a warm-up", id="unreadable"),
        pytest.param(
            b'{"features": [[1.0]], "scores": [0.5]}', "without a warm-up", id="of another model"
        ),
    ],
)
def test_a_warm_up_costs_nothing_but_the_warmth_when_it_is_spoilt(tmp_path, caplog, content, said):
    files = made.files() | {WARM_UP: content}
    name = made.served(files)
    assert name == made.served(made.files()) and load(files, name, made.FRAUD).score(
        np.zeros((1, len(made.FRAUD.columns)))
    )
    assert (said in caplog.text) if said else not caplog.records
    cache = ModelCache(tmp_path)
    cache.put(name, files)
    assert cache.get(name) == files


def test_the_cache_keeps_the_newest_models_only(tmp_path):
    cache = ModelCache(tmp_path)
    for bias in range(KEPT + 2):
        files = made.files(bias=bias)
        cache.put(made.served(files), files)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == KEPT
    assert cache.get(made.served(files)) == files
