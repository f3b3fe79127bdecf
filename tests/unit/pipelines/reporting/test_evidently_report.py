"""Evidently's report of a window: a page by itself, with categories by name."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.policy_sections.monitoring import Drift

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised inside Evidently when it is imported
    from pipelines.reporting.evidently_report import _table, drift_page

CONTRACT: Contract = parse_contract(
    {
        "title": "Mixed",
        "entity_key": "person_id",
        "event_time": "event_time",
        "transaction_id": "transaction_id",
        "label": {"name": "bad"},
        "features": {
            "income": {"type": "float", "range": [0, 1000], "nullable": True},
            "rare": {"type": "float", "nullable": True},
            "owner": {"type": "bool", "nullable": True},
            "job": {"type": "category", "values": ["none", "self", "staff"]},
        },
    },
    use_case="mixed",
    file="mixed.yaml",
)
RANDOM = np.random.default_rng(0)


def sample(income: float, *, rare: float = np.nan) -> np.ndarray:
    """300 rows whose incomes are around a value."""
    size = 300
    columns = [
        RANDOM.normal(income, 10, size),
        np.full(size, rare),
        RANDOM.integers(0, 2, size).astype(float),
        RANDOM.integers(0, 3, size).astype(float),
    ]
    return np.column_stack(columns)


@pytest.fixture(scope="module")
def page() -> str:
    return drift_page(CONTRACT, sample(100), sample(300, rare=1.0), Drift())


def test_the_page_loads_nothing_from_a_network(page: str) -> None:
    loaded = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=[\"'](https?:[^\"']*)", page)
    assert loaded == []
    assert page.lstrip().lower().startswith("<!doctype html") or "<html" in page[:500]


def test_features_are_compared_and_one_that_is_empty_in_a_sample_is_left_out(page: str) -> None:
    compared = set(re.findall(r'"column_name": "(\w+)"', page))
    assert compared == {"income", "owner", "job"}


def test_categories_and_truth_values_are_shown_by_name(page: str) -> None:
    for name in ("staff", "self", "yes"):
        assert name in page


def test_numbers_become_names_and_missing_values_stay_missing() -> None:
    rows = np.array([[1.0, np.nan, 1, 2], [np.nan, np.nan, np.nan, 0], [2.0, np.nan, 0, 7]])
    table = _table(CONTRACT, rows)
    assert table["owner"].tolist() == ["yes", None, "no"]
    assert table["job"].tolist() == ["staff", "none", "7"]  # a number without a name
    assert list(table.columns) == list(CONTRACT.columns)
