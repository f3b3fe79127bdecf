"""The shipped baseline is what the seeded simulator draws."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.rules.monitoring.binning import profiles
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT
from pipelines.stores.baseline import read_baseline, read_manifest
from pipelines.stores.dataset import features_of
from pipelines.use_case import read_contract
from stack.demo.shipped_baselines import ROWS, draw, freeze, freeze_snapshot

FOLDER = ROOT / "reference" / "fraud"


def test_the_seeded_simulator_draws_the_frozen_rows_again() -> None:
    contract = read_contract(FOLDER)
    shipped = read_baseline(FOLDER, contract)
    new = draw(contract)
    assert new["transaction_id"].to_pylist() == shipped["transaction_id"].to_pylist()
    assert new["label"].to_pylist() == shipped["label"].to_pylist()
    assert features_of(new, contract) == pytest.approx(features_of(shipped, contract), abs=1e-5)


def test_the_profile_counts_every_row_of_the_baseline() -> None:
    contract = read_contract(FOLDER)
    manifest = read_manifest(FOLDER, contract)
    table = pq.read_table(FOLDER / "baseline.parquet")
    features = Deriver(contract)(features_of(table, contract))
    recounted = profiles(features, contract)
    assert recounted.keys() == manifest.profiles.keys()
    for name, profile in manifest.profiles.items():
        assert profile.counts == recounted[name].counts
        assert profile.total == manifest.rows


def test_a_new_baseline_is_written_beside_the_old_one(tmp_path: Path) -> None:
    contract = read_contract(FOLDER)
    manifest = freeze(tmp_path, contract)
    assert np.isclose(manifest.rows, 30_000)
    assert read_manifest(tmp_path, contract) == manifest


def test_a_baseline_is_drawn_from_ingested_history(tmp_path: Path) -> None:
    contract = read_contract(FOLDER)
    history = pa.concat_tables([draw(contract)] * 2)
    manifest = freeze_snapshot(tmp_path, contract, history, "0123456789abcdef")
    assert (manifest.rows, manifest.source["snapshot"]) == (ROWS, "0123456789abcdef")
    assert read_baseline(tmp_path, contract).schema == history.schema
    few = freeze_snapshot(tmp_path, contract, history.slice(0, 500), "fedcba9876543210")
    assert few.rows == 500
