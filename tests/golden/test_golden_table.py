"""A value means the same through every door, or is refused for the same reason."""

import math
from pathlib import Path

import pandas as pd
import pytest

from pipelines.rules.data.pandera_schema import failures
from tests.golden.cases import ALL_CASES, GROUPS
from tests.golden.doors import CONTRACTS, failures_of_files, failures_of_requests
from tests.golden.table import Case, Taken

EACH_GROUP = pytest.mark.parametrize("cases", GROUPS.values(), ids=GROUPS)


@EACH_GROUP
def test_files_take_each_value_as_the_table_says(cases: list[Case], tmp_path: Path) -> None:
    assert failures_of_files(cases, tmp_path) == []


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
