"""The buttons on tasks lead to the pages of the steps' results."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import ROOT

SCRIPT = Path(__file__).parent / "read_links.py"
FILES = ("retraining", "drift_detection", "batch_explanation")
PAGES = "http://airflow.example:8080/af/sixgate"


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Label and addresses of each task's button, in the DAGs of one use case."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__API__BASE_URL": "http://airflow.example:8080/af/",
        "SIXGATE_USE_CASES": "fraud",
    }
    files = [str(ROOT / "dags" / f"{name}.py") for name in FILES]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *files], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("task", "label", "address"),
    [
        ("train", "Model in MLflow", "http://mlflow.example/#/models/fraud/versions/3"),
        ("report", "Drift page", f"{PAGES}/drift/fraud/reports/drift-20260101T000000Z.html.gz"),
        ("summarise", "Explanations", f"{PAGES}/explanations/fraud/"),
    ],
)
def test_a_button_leads_to_the_page_of_the_result(
    links: Any, task: str, label: str, address: str
) -> None:
    assert links[task] == [label, "", address]


def test_no_other_task_has_a_button(links: Any) -> None:
    assert set(links) == {"train", "report", "summarise"}
