"""`tests/run` fails when any of its parts fails, and shows the output of each."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.settings import ROOT

# Stands for the interpreter: it fails for calls whose arguments contain a word of the test.
PYTHON = """#!/usr/bin/env bash
echo "called with $*"
case "$*" in *{word}*) exit 1 ;; esac
"""


def run(
    folder: Path, word: str = "nothing-like-this", *, thorough: str = "1"
) -> subprocess.CompletedProcess[str]:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(word=word))
    python.chmod(0o755)
    (folder / "tests").mkdir()
    script = shutil.copy(ROOT / "tests" / "run", folder / "tests" / "run")
    environment = os.environ | {"SIXGATE_THOROUGH": thorough}
    return subprocess.run(
        [script, "-q"], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("word", ["tests/e2e", "tests/unit", "combine", "report"])
def test_a_part_that_fails_fails_the_run(tmp_path: Path, word: str) -> None:
    assert run(tmp_path, word).returncode == 1


@pytest.mark.parametrize(
    ("thorough", "parts"),
    [
        pytest.param(
            "1",
            [
                "-m coverage run -m pytest tests/integration tests/dags tests/unit",
                "-m coverage run -m pytest tests/e2e",
                "-m coverage combine",
                "-m coverage report",
            ],
            id="with coverage",
        ),
        pytest.param(
            "",
            ["-m pytest tests/integration tests/dags tests/unit", "-m pytest tests/e2e"],
            id="without",
        ),
    ],
)
def test_without_a_failure_every_part_ran(tmp_path: Path, thorough: str, parts: list[str]) -> None:
    done = run(tmp_path, thorough=thorough)
    assert done.returncode == 0, done.stderr
    calls = [
        line.removeprefix("called with ")
        for line in done.stdout.splitlines()
        if line.startswith("called with")
    ]
    assert len(calls) == len(parts)
    for call, part in zip(calls, parts, strict=True):
        assert call.startswith(part)
