"""Estimators are found by entry point, those of other packages too, and refused by name."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipelines.errors import UseCaseError
from pipelines.settings import ROOT
from pipelines.stores.estimators import find_estimator, installed_estimators
from tests.unit.packages import install

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "team-estimators"
version = "1"

[project.entry-points."sixgate.estimators"]
stump = "team_estimators:Stump"
misnamed = "team_estimators:Misnamed"
broken = "team_estimators.no_such_module:Broken"

[tool.hatch.build.targets.wheel]
packages = ["team_estimators"]
"""
PACKAGE = """
from pipelines.rules.training.estimators.logistic import LogisticEstimator


class Stump(LogisticEstimator):
    name = "stump"


class Misnamed(LogisticEstimator):
    name = "other"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a package of another team is installed."""
    files = {"pyproject.toml": PROJECT, "team_estimators/__init__.py": PACKAGE}
    return install(files, tmp_path_factory.mktemp("team-estimators"))


def in_a_process(installed: Path, code: str) -> str:
    """What code prints in a process that has the package."""
    program = f"import sys; sys.path.insert(0, {str(installed)!r})\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def test_an_estimator_of_another_package_is_found(installed: Path) -> None:
    found = in_a_process(
        installed,
        """
        from pipelines.stores.estimators import find_estimator, installed_estimators
        print(*installed_estimators(), find_estimator("stump").name)
        """,
    )
    assert found.split() == [
        "broken",
        "lightgbm",
        "logistic",
        "misnamed",
        "stump",
        "xgboost",
        "stump",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("misnamed", "estimator 'misnamed' calls itself 'other'", id="another name"),
        pytest.param(
            "broken", "estimator 'broken' can't be imported", id="a module that is missing"
        ),
    ],
)
def test_an_estimator_that_can_not_be_used_is_refused_by_name(
    installed: Path, name: str, message: str
) -> None:
    refused = in_a_process(
        installed,
        f"""
        from pipelines.errors import UseCaseError
        from pipelines.stores.estimators import find_estimator
        try:
            find_estimator({name!r})
        except UseCaseError as error:
            print(error)
        """,
    )
    assert message in refused


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        UseCaseError, match="'forest' is not installed: installed are lightgbm, logistic, xgboost"
    ):
        find_estimator("forest")


def test_sixgates_own_estimators_are_installed() -> None:
    assert {"lightgbm", "logistic", "xgboost"} <= set(installed_estimators())
