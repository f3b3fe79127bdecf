"""Importing Sixgate changes nothing that a whole process shares; programs do, when they start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "import_effects.py"


def effects(*packages: str) -> dict[str, list[str]]:
    command = [sys.executable, str(SCRIPT), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_importing_sixgate_sets_no_environment_variable() -> None:
    assert effects("pipelines", "serving", "stack")["variables"] == []


def test_importing_the_rules_changes_no_setting_of_the_process() -> None:
    assert effects("pipelines.rules") == {"variables": [], "settings": []}


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        pytest.param(
            "import os; os.environ.setdefault('SIXGATE_TEST', '1')",
            {"variables": ["SIXGATE_TEST"], "settings": ["environment"]},
            id="an environment variable",
        ),
        pytest.param(
            "import numexpr; numexpr.set_num_threads(numexpr.get_num_threads() + 1)",
            {"variables": [], "settings": ["threads of numexpr"]},
            id="the threads of numexpr",
        ),
    ],
)
def test_a_module_that_changes_something_is_noticed(
    code: str, changed: dict[str, list[str]], tmp_path: Path
) -> None:
    copy = tmp_path / "tests" / "unit" / SCRIPT.name
    copy.parent.mkdir(parents=True)
    copy.write_text(SCRIPT.read_text())
    package = tmp_path / "pipelines"
    package.mkdir()
    (package / "__init__.py").write_text(code)
    command = [sys.executable, str(copy), "pipelines"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == changed
