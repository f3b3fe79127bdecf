"""Programs set what libraries read at their import, before they import any of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipelines import library_settings

WAIT = "GOMP_SPINCOUNT"
LIST_LIBRARIES = """
import sys
import pipelines.cli.app
readers = {"lightgbm", "mlflow", "sklearn", "xgboost"}
print(*sorted(readers & set(sys.modules)))
"""


def test_a_variable_that_is_not_set_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WAIT, raising=False)
    library_settings.apply()
    assert os.environ[WAIT] == "1000"


def test_a_value_of_the_caller_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, "5")
    library_settings.apply()
    assert os.environ[WAIT] == "5"


def test_the_command_line_imports_no_library_before_it_sets_them() -> None:
    command = [sys.executable, "-c", LIST_LIBRARIES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
