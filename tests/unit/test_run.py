"""`tests/run` fails when any of its parts fails, and shows the output of each."""

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


def run(folder: Path, word: str) -> subprocess.CompletedProcess[str]:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(word=word))
    python.chmod(0o755)
    (folder / "tests").mkdir()
    script = shutil.copy(ROOT / "tests" / "run", folder / "tests" / "run")
    return subprocess.run([script, "-q"], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("word", ["tests/e2e", "tests/unit", "combine", "report"])
def test_a_part_that_fails_fails_the_run(tmp_path: Path, word: str) -> None:
    assert run(tmp_path, word).returncode == 1


def test_without_a_failure_every_part_ran(tmp_path: Path) -> None:
    done = run(tmp_path, "nothing-like-this")
    assert done.returncode == 0, done.stderr
    calls = [line for line in done.stdout.splitlines() if line.startswith("called with")]
    parts = ("tests/unit", "tests/e2e", "coverage combine", "coverage report")
    assert [part for part in parts if any(part in call for call in calls)] == list(parts)
