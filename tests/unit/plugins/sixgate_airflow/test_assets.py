"""The assets by which one DAG triggers another."""

from __future__ import annotations

import pytest
from sixgate_airflow.assets import candidate_asset, drift_asset, rollback_asset

from pipelines.rules.use_case.policy import Policy

FRAUD = Policy(use_case="fraud")


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        (drift_asset(FRAUD), "drift"),
        (candidate_asset(FRAUD), "candidate"),
        (rollback_asset("fraud"), "rollback"),
    ],
)
def test_an_asset_is_named_by_its_use_case_and_kind(asset, name) -> None:
    assert asset.name == f"fraud_{name}"
    assert asset.uri == f"sixgate://fraud/{name}"
    assert asset.group == "sixgate"


def test_use_cases_and_kinds_never_share_an_asset() -> None:
    loans = Policy(use_case="loans")
    assets = [
        each
        for policy in (FRAUD, loans)
        for each in (drift_asset(policy), candidate_asset(policy), rollback_asset(policy.use_case))
    ]
    assert len({asset.uri for asset in assets}) == 6
    assert drift_asset(FRAUD) == drift_asset(FRAUD)  # the DAG that waits for it finds it
