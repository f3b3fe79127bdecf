"""`sixgate baseline`: a baseline is never overwritten, and needs rows."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import SixgateError
from pipelines.settings import ROOT
from stack.cli import attach
from stack.cli.baseline import _baseline_folder

attach(app.app)


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with the use cases fraud, which has a baseline, and loans, which has none."""
    shutil.copytree(ROOT / "reference" / "fraud", tmp_path / "reference" / "fraud")
    loans = tmp_path / "reference" / "loans"
    loans.mkdir()
    for file in ("contract.yaml", "policy.yaml"):
        shutil.copy(ROOT / "reference" / "fraud" / file, loans / file)
    monkeypatch.setenv("SIXGATE_ROOT", str(tmp_path))
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--from", "gone"], "no snapshot 'gone'", id="a snapshot that is missing"),
        pytest.param(["-u", "cats"], "known are fraud, loans", id="an unknown use case"),
        pytest.param(["-u", "loans"], "loans has no simulator", id="no rows to draw from"),
        pytest.param(
            ["--to", "{root}/reference/fraud"],
            "already has a baseline, and baselines are never changed",
            id="a folder with a baseline",
        ),
    ],
)
def test_a_mistake_is_named_with_the_remedy(arguments: list[str], message: str, root: Path) -> None:
    command = ["baseline", *(argument.format(root=root) for argument in arguments)]
    done = CliRunner().invoke(app.app, command)
    assert isinstance(done.exception, SixgateError)
    assert message in str(done.exception)


def test_a_second_baseline_goes_to_a_folder_of_its_own(root: Path) -> None:
    reference = root / "reference"
    assert _baseline_folder(reference / "loans") == reference / "loans"
    other = _baseline_folder(reference / "fraud")
    assert other.parent == reference / "fraud"
    assert other.name.startswith("baseline-20")
