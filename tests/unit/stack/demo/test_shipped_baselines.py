"""Each shipped baseline is what the seeded simulator of its use case draws."""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.rules.monitoring.binning import profiles
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT
from pipelines.stores.baseline import read_baseline, read_manifest
from pipelines.stores.dataset import features_of
from pipelines.use_case import names, read_contract
from stack.demo.shipped_baselines import ROWS, draw, freeze, freeze_snapshot

FOLDER = ROOT / "reference" / "fraud"
SHIPPED = [ROOT / "reference" / name for name in names(ROOT / "reference")]
each_shipped = pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)


@each_shipped
def test_the_seeded_simulator_draws_the_frozen_rows_again(folder: Path) -> None:
    contract = read_contract(folder)
    shipped = read_baseline(folder, contract)
    new = draw(contract)
    assert new["transaction_id"].to_pylist() == shipped["transaction_id"].to_pylist()
    assert new["label"].to_pylist() == shipped["label"].to_pylist()
    np.testing.assert_allclose(
        features_of(new, contract), features_of(shipped, contract), rtol=1e-9, atol=1e-5
    )


@each_shipped
def test_the_profile_counts_every_row_of_the_baseline(folder: Path) -> None:
    contract = read_contract(folder)
    manifest = read_manifest(folder, contract)
    table = pq.read_table(folder / "baseline.parquet")
    features = Deriver(contract)(features_of(table, contract))
    recounted = profiles(features, contract)
    assert recounted.keys() == manifest.profiles.keys()
    for name, profile in manifest.profiles.items():
        assert profile.counts == recounted[name].counts
        assert profile.total == manifest.rows


@each_shipped
def test_a_new_baseline_is_written_beside_the_old_one(folder: Path, tmp_path: Path) -> None:
    contract = read_contract(folder)
    manifest = freeze(tmp_path, contract)
    assert manifest.rows == ROWS
    assert manifest.source["simulator"] == f"stack.demo.profiles.{folder.name}"
    assert read_manifest(tmp_path, contract) == manifest


def test_a_baseline_is_drawn_from_ingested_history(tmp_path: Path) -> None:
    contract = read_contract(FOLDER)
    history = pa.concat_tables([draw(contract)] * 2)
    manifest = freeze_snapshot(tmp_path, contract, history, "0123456789abcdef")
    assert (manifest.rows, manifest.source["snapshot"]) == (ROWS, "0123456789abcdef")
    assert read_baseline(tmp_path, contract).schema == history.schema
    few = freeze_snapshot(tmp_path, contract, history.slice(0, 500), "fedcba9876543210")
    assert few.rows == 500


def test_a_baseline_of_an_earlier_contract_has_the_profiles_of_what_it_knows() -> None:
    contract = read_contract(FOLDER)
    added = msgspec.structs.replace(contract.features[0], name="brand_new")
    wider = msgspec.structs.replace(contract, features=(*contract.features, added))
    manifest = read_manifest(FOLDER, contract)
    converted = read_manifest(FOLDER, wider)
    assert converted.profiles == manifest.profiles
    assert (converted.name, converted.bins) == (manifest.name, manifest.bins)
    fewer = msgspec.structs.replace(contract, features=contract.features[1:], derived=())
    narrow = read_manifest(FOLDER, fewer)
    assert list(narrow.profiles) == list(fewer.columns)
    assert narrow.bins == manifest.bins, "what was counted is still right"
    first = msgspec.structs.replace(contract.derived[0], expression=contract.raw[0])
    other = msgspec.structs.replace(contract, derived=(first, *contract.derived[1:]))
    changed = read_manifest(FOLDER, other)
    assert changed.name == manifest.name
    assert changed.bins != manifest.bins, "a column that means something else is counted again"


def test_the_simulator_freezes_a_contract_with_a_feature_that_it_lacks(tmp_path: Path) -> None:
    contract = read_contract(FOLDER)
    added = msgspec.structs.replace(contract.features[0], name="brand_new")
    wider = msgspec.structs.replace(contract, features=(*contract.features, added))
    manifest = freeze(tmp_path, wider)
    assert "brand_new" not in manifest.profiles
    assert read_manifest(tmp_path, wider) == manifest


def test_a_snapshot_of_an_earlier_contract_becomes_a_baseline(tmp_path: Path) -> None:
    contract = read_contract(FOLDER)
    fewer = msgspec.structs.replace(contract, features=contract.features[1:], derived=())
    manifest = freeze_snapshot(tmp_path, contract, draw(fewer), "0123456789abcdef")
    assert contract.raw[0] not in manifest.profiles
    assert set(contract.raw[1:]) <= set(manifest.profiles)
    assert read_baseline(tmp_path, contract).schema == draw(contract).schema
