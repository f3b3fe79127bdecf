"""The tutorial on one's own data: its commands are run as they are printed."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT, Settings
from stack.airflow_client import Airflow
from tests.e2e import web
from tests.e2e.test_story import until, wait_for_two_heartbeats

pytestmark = pytest.mark.timeout(900)
PROMOTION = "loans_promotion"


@pytest.fixture
def checkout(stack: Settings) -> Path:
    """The stack's checkout, as the tutorial expects it: with an environment to activate."""
    activate = stack.root / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True, exist_ok=True)
    activate.write_text("make() { sixgate up; }\n")
    return stack.root


def run(script: str, folder: Path) -> str:
    """Run a block of the tutorial as a person would paste it; returns what it printed."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-c", "make() { sixgate up; }\n" + script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_command_of_the_tutorial_works(stack: Settings, checkout: Path) -> None:
    tutorial = (ROOT / "docs" / "tutorial-own-data.md").read_text()
    *blocks, last = re.findall(r"```bash\n(.*?)```", tutorial, re.DOTALL)
    assert len(blocks) == 8
    said = run("\n".join(blocks), checkout)
    for words in (
        "8,000 rows",
        "id of the row: Loan ID",
        "time of the transaction: Signed",
        "is in Production",
        "predict answers: score",
        "event_time: signed",
        '"prediction_id"',
        "APPROVED",
        "status 200",
    ):
        assert words in said, words
    with contextlib.closing(Airflow(stack)) as airflow:
        until(lambda: len(airflow.runs(PROMOTION)) == 2, seconds=300)
        promotion = airflow.runs(PROMOTION)[0]["dag_run_id"]
        until(lambda: airflow.tasks(PROMOTION, promotion)["review"] == "awaiting_input")
        wait_for_two_heartbeats(stack)
        airflow.answer(PROMOTION, promotion, "review", "Approve", "it knows about weddings")
        airflow.finish(PROMOTION, promotion)
    assert "DONE" in run(last, checkout)
    served = web.get(f"{stack.api_url}/readyz").json()
    assert served["models"]["loans"] == 2, served
