"""Drift statistics are found by entry point, those of other packages too, and refused by name."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from pipelines.stores.drift_statistics import installed_statistics
from tests.unit.packages import install

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "team-statistics"
version = "1"

[project.entry-points."sixgate.drift_statistics"]
{entry}

[tool.hatch.build.targets.wheel]
packages = ["team_statistics"]
"""
PACKAGE = """
from pipelines.rules.monitoring.drift_statistics.missing import MissingShare


class Present(MissingShare):
    name = "present"


class Mean(MissingShare):
    name = "mean"
"""
SHOW = """
from pipelines.errors import SixgateError
from pipelines.stores.drift_statistics import installed_statistics
try:
    print(*(statistic.name for statistic in installed_statistics()))
except SixgateError as error:
    print(error)
"""


def shown(folder: Path, entry: str) -> str:
    """The names of all statistics, or the error, in a process that has a package with an entry."""
    files = {
        "pyproject.toml": PROJECT.format(entry=entry),
        "team_statistics/__init__.py": PACKAGE,
    }
    target = install(files, folder)
    program = f"import sys; sys.path.insert(0, {str(target)!r})\n{textwrap.dedent(SHOW)}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.strip()


def test_sixgates_own_statistics_come_in_their_order() -> None:
    names = [statistic.name for statistic in installed_statistics()]
    assert names == [
        "psi",
        "chi_square",
        "jensen_shannon",
        "wasserstein",
        "missing",
        "outside",
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            'present = "team_statistics:Present"',
            "psi chi_square jensen_shannon wasserstein missing present outside",
            id="a statistic of another package is found",
        ),
        pytest.param(
            'absent = "team_statistics:Present"',
            "drift statistic 'absent' calls itself 'present': the entry point's name must be the same",
            id="one with another name is refused",
        ),
        pytest.param(
            'mean = "team_statistics:Mean"',
            "drift statistic 'mean' has the name of another metric: rename it",
            id="one with the name of a metric is refused",
        ),
        pytest.param(
            'missing = "pipelines.rules.monitoring.drift_statistics.missing:MissingShare"',
            "drift statistic 'missing' is installed 2 times: remove one",
            id="two with the same name are refused",
        ),
        pytest.param(
            'broken = "team_statistics.no_such_module:Broken"',
            "drift statistic 'broken' can't be imported: No module named "
            "'team_statistics.no_such_module': install what it needs, or remove its package",
            id="a module that is missing is named",
        ),
    ],
)
def test_a_package_of_another_team(tmp_path: Path, entry: str, expected: str) -> None:
    assert shown(tmp_path, entry) == expected


def test_an_installation_older_than_the_statistics_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipelines.errors import SixgateError
    from pipelines.stores import drift_statistics

    monkeypatch.setattr(drift_statistics, "GROUP", "sixgate.no_such_group")
    with pytest.raises(SixgateError, match="psi, chi_square are not installed: install Sixgate"):
        drift_statistics.installed_statistics.__wrapped__()
