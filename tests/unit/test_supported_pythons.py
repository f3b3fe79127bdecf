"""Every file that names the supported versions of Python names the same ones."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest
import yaml

from pipelines.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLASSIFIERS = PROJECT["project"]["classifiers"]
SUPPORTED = [classifier.rpartition(" ")[2] for classifier in CLASSIFIERS]
MINORS = [int(version.removeprefix("3.")) for version in SUPPORTED]
SENTENCE = f"{', '.join(SUPPORTED[:-1])} or {SUPPORTED[-1]}"


def test_the_project_requires_a_supported_version() -> None:
    required = PROJECT["project"]["requires-python"]
    assert required == f">=3.{MINORS[0]},<3.{MINORS[-1] + 1}"
    assert list(range(MINORS[0], MINORS[-1] + 1)) == MINORS
    assert sys.version_info[1] in MINORS


def test_the_makefile_takes_the_supported_versions_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert f"for minor in {' '.join(map(str, MINORS))};" in makefile
    assert f"not (3, {MINORS[0]}) <= sys.version_info < (3, {MINORS[-1] + 1})" in makefile
    assert f"Sixgate needs Python {SENTENCE}:" in makefile


def test_ci_tries_each_supported_version() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["ci"]
    assert job["strategy"]["matrix"]["python"] == SUPPORTED
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"


def test_pins_types_and_lint_rules_are_those_of_the_oldest_version() -> None:
    assert f'"--python-version={SUPPORTED[0]}"' in (ROOT / "requirements/lock.py").read_text()
    assert PROJECT["tool"]["mypy"]["python_version"] == SUPPORTED[0]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{MINORS[0]}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/tutorial.md", "docs/how-to/troubleshooting.md"]
)
def test_a_page_names_the_supported_versions(page: str) -> None:
    text = (ROOT / page).read_text()
    assert re.search(rf"Python {re.escape(SENTENCE)}\b", text)


@pytest.mark.parametrize(
    "stage", re.findall(r"^FROM python:(3\.\d+)-", (ROOT / "docker/Dockerfile").read_text(), re.M)
)
def test_the_image_has_a_supported_version(stage: str) -> None:
    assert stage in SUPPORTED
