"""A value means the same through every door, or is refused for the same reason."""

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.rules.data.pandera_schema import failures
from pipelines.stores.artifacts import Artifacts
from tests.golden.cases import ALL_CASES, GROUPS
from tests.golden.doors import (
    CONTRACTS,
    failures_of_files,
    failures_of_queries,
    failures_of_requests,
)
from tests.golden.table import Case, Taken

EACH_GROUP = pytest.mark.parametrize("cases", GROUPS.values(), ids=GROUPS)


@EACH_GROUP
def test_files_take_each_value_as_the_table_says(cases: list[Case], tmp_path: Path) -> None:
    assert failures_of_files(cases, tmp_path) == []


@EACH_GROUP
def test_queries_take_each_value_as_the_table_says(cases: list[Case], tmp_path: Path) -> None:
    def select(row: dict[str, Any]) -> str | None:
        if not all(isinstance(value, str | float) for value in row.values()):
            return None
        with closing(sqlite3.connect(tmp_path / "table.db", isolation_level=None)) as database:
            database.execute("DROP TABLE IF EXISTS history")
            database.execute(f"CREATE TABLE history ({', '.join(row)})")
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO history VALUES ({marks})", list(row.values()))
        return "SELECT * FROM history"

    url = f"sqlite:///{tmp_path}/table.db"
    assert failures_of_queries(cases, Artifacts(tmp_path / "artifacts"), url, select) == []


@EACH_GROUP
def test_requests_take_each_value_as_the_table_says(cases: list[Case]) -> None:
    assert failures_of_requests(cases) == []


def test_the_table_is_large_and_says_each_thing_once() -> None:
    titles = [f"{case} {case.doors}" for case in ALL_CASES]
    assert len(titles) == len(set(titles))
    assert len(ALL_CASES) >= 150


def test_the_schema_of_the_steps_accepts_every_value_that_was_taken() -> None:
    contract = CONTRACTS["default"]
    good = dict.fromkeys(contract.raw, 1.0)
    rows = []
    for name in ("numbers", "categories"):
        for case in GROUPS[name]:
            if isinstance(case.expected, Taken):
                value = math.nan if case.expected.value is None else case.expected.value
                rows.append(good | {case.column: value})
    frame = pd.DataFrame(rows, dtype=float).assign(label=pd.array([1] * len(rows), "int8"))
    assert failures(frame, contract).to_dict("records") == []
