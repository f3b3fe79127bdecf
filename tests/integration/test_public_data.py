"""The Fraud Detection Handbook's file goes in as it comes."""

import os
from pathlib import Path

import pytest

from pipelines.ingestion import ingest
from pipelines.settings import ROOT
from pipelines.stores.artifacts import Artifacts
from pipelines.use_case import read_contract

DATA = os.environ.get("SIXGATE_PUBLIC_DATA", "")


@pytest.mark.skipif(
    not DATA, reason="SIXGATE_PUBLIC_DATA does not name the folder of public data sets"
)
def test_the_handbooks_million_rows_become_a_snapshot(tmp_path: Path) -> None:
    file = Path(DATA) / "handbook_transactions.parquet"
    found = ingest(file, read_contract(ROOT / "reference" / "fraud"), Artifacts(tmp_path))
    assert found.rows + found.quarantined == 1_015_476
    assert found.quarantined < 10
    assert (
        int(Artifacts(tmp_path).load("snapshots", found.snapshot)["label"].to_numpy().sum()) > 8000
    )
