"""A DAG file as a fresh interpreter finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dags.parsing import parsed


@pytest.fixture(scope="module")
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is in the file that the test module is named after."""
    name = Path(request.module.__file__).stem.removeprefix("test_")
    return parsed(name, tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="module")
def dag(file: dict[str, Any]) -> Any:
    """The DAG of fraud, or the only one."""
    names = [name for name in file["dags"] if name.startswith("fraud_") or name == "housekeeping"]
    (name,) = names
    return file["dags"][name]
