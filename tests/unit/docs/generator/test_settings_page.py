"""Every variable that the project reads is on the page of the settings."""

import re
from pathlib import Path

import pytest

from docs.generator.settings_page import OTHERS, settings_page
from pipelines.settings import ROOT, Settings

NAME = re.compile(r"\bSIXGATE_[A-Z_]*[A-Z]\b")
FOLDERS = ("pipelines", "serving", "stack", "plugins", "dags", "docker", "benchmarks")
FILES = [
    ROOT / "docker-compose.airflow.yml",
    ROOT / ".env.example",
    ROOT / "Makefile",
    ROOT / "tests/integration/test_fuzz.py",
    ROOT / "tests/thoroughness.py",
    *(
        file
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    ),
]


def variables(text: str) -> set[str]:
    """The variables that a text names."""
    return set(NAME.findall(text))


def test_every_variable_that_is_read_is_on_the_page() -> None:
    documented = variables(settings_page())
    for file in FILES:
        if file != Path(__file__):
            missing = variables(file.read_text(errors="ignore")) - documented
            assert not missing, f"{file.relative_to(ROOT)} reads {missing}"


@pytest.mark.parametrize("name", [name for _, names in OTHERS.values() for name in names])
def test_a_variable_that_is_described_is_read_somewhere(name: str) -> None:
    texts = (file.read_text(errors="ignore") for file in FILES if file != Path(__file__))
    assert any(name in text for text in texts)


def test_every_setting_has_a_line_with_a_meaning() -> None:
    lines = settings_page().splitlines()
    for name in Settings.model_fields:
        (line,) = [line for line in lines if re.match(rf"\| .*`SIXGATE_{name.upper()}` \|", line)]
        assert line.rstrip(" |").endswith(".")
