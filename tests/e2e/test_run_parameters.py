"""A run with a parameter that its DAG does not take is refused over REST, in the browser and by the first step."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from pipelines.errors import StackError
from pipelines.settings import Settings
from stack.airflow_client import Airflow
from stack.status.report import status
from tests.e2e import web
from tests.e2e.test_story import CHROMIUM, signed_in

pytestmark = pytest.mark.timeout(600)

MISSPELT = {"requre_review": True}
# Pasted, because to typed text the editor adds closing quotes and brackets of its own.
PASTE = """(element, text) => {
  const clipboardData = new DataTransfer()
  clipboardData.setData("text/plain", text)
  element.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}))
}"""
RETRAINING_MESSAGE = (
    "unknown parameter 'requre_review': did you mean 'require_review'? "
    "Permitted: force, reason, reference, require_review, snapshot"
)

PERMITTED = {
    "fraud_retraining": "force, reason, reference, require_review, snapshot",
    "fraud_promotion": "decision_id",
    "fraud_drift_detection": "none",
    "fraud_batch_explanation": "select",
    "fraud_batch_scoring": "file, job, log, out, version",
    "fraud_rollback": "reason, version",
    "housekeeping": "none",
}


@pytest.fixture
def airflow(stack: Settings) -> Iterator[Airflow]:
    with contextlib.closing(Airflow(stack)) as opened:
        for dag_id in PERMITTED:
            opened.wait_for_dag(dag_id)
        yield opened


@pytest.fixture
def post(stack: Settings, airflow: Airflow) -> Callable[..., httpx.Response]:
    """POST to Airflow's REST API as admin."""

    def post(path: str, **content: Any) -> httpx.Response:
        url = f"{stack.airflow_url}/api/v2{path}"
        return httpx.post(url, headers=airflow.headers, json=content, timeout=30)

    return post


def manual_runs(airflow: Airflow, dag_id: str) -> list[str]:
    return [run["dag_run_id"] for run in airflow.runs(dag_id) if run["run_type"] == "manual"]


@pytest.mark.parametrize("dag_id", PERMITTED)
def test_a_misspelt_parameter_starts_no_run(
    dag_id: str, airflow: Airflow, post: Callable[..., httpx.Response]
) -> None:
    before = manual_runs(airflow, dag_id)
    answer = post(f"/dags/{dag_id}/dagRuns", logical_date=None, conf=MISSPELT)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("unknown parameter 'requre_review'")
    assert answer.json()["detail"].endswith(f"Permitted: {PERMITTED[dag_id]}")
    assert manual_runs(airflow, dag_id) == before


def test_a_backfill_and_an_asset_are_no_way_around_it(
    stack: Settings, airflow: Airflow, post: Callable[..., httpx.Response]
) -> None:
    days = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"}
    for path in ("/backfills", "/backfills/dry_run"):
        answer = post(path, dag_id="fraud_retraining", dag_run_conf=MISSPELT, **days)
        assert (answer.status_code, answer.json()) == (422, {"detail": RETRAINING_MESSAGE})
    assets = web.get(f"{stack.airflow_url}/api/v2/assets", headers=airflow.headers).json()["assets"]
    ids = {asset["uri"]: asset["id"] for asset in assets}
    answer = post(f"/assets/{ids['sixgate://fraud/drift']}/materialize", conf=MISSPELT)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("unknown parameter 'requre_review'")
    # Two DAGs update the candidate asset, so Airflow starts neither.
    answer = post(f"/assets/{ids['sixgate://fraud/candidate']}/materialize", conf=MISSPELT)
    assert answer.status_code == 409


def test_a_value_of_another_type_is_refused(
    post: Callable[..., httpx.Response],
) -> None:
    answer = post(
        "/dags/fraud_retraining/dagRuns", logical_date=None, conf={"require_review": "true"}
    )
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": "parameter 'require_review' is 'true': it must be true or false"
    }


def test_who_may_not_start_a_run_is_told_that_first(stack: Settings) -> None:
    url = f"{stack.airflow_url}/api/v2/dags/fraud_retraining/dagRuns"
    content = {"logical_date": None, "conf": MISSPELT}
    assert web.post(url, json=content).status_code == 401
    with contextlib.closing(Airflow(stack, "viewer")) as viewer:
        assert web.post(url, headers=viewer.headers, json=content).status_code == 403


def test_the_command_line_asks_no_rest_api_and_the_first_step_refuses(
    stack: Settings, airflow: Airflow
) -> None:
    command = [
        "dags",
        "trigger",
        "fraud_retraining",
        "--conf",
        '{"requre_review": true}',
        "--run-id",
        "misspelt",
    ]
    scheduler = status(stack)["processes"]["airflow-scheduler"]["pid"]
    environment = psutil.Process(scheduler).environ()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "airflow"), *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    url = f"{stack.airflow_url}/api/v2/dags/fraud_retraining/dagRuns/misspelt"
    with pytest.raises(StackError, match="fraud_retraining misspelt failed in check_conditions"):
        airflow.finish("fraud_retraining", "misspelt")
    tasks = httpx.get(f"{url}/taskInstances", headers=airflow.headers, timeout=30).json()[
        "task_instances"
    ]
    tries = {task["task_id"]: task["try_number"] for task in tasks}
    assert tries["check_conditions"] == 1, "it is not tried again"
    assert RETRAINING_MESSAGE in airflow.log("fraud_retraining", "misspelt", "check_conditions")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_the_trigger_form_shows_the_refusal(
    stack: Settings, airflow: Airflow, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    before = manual_runs(airflow, "fraud_retraining")
    with sync_playwright() as playwright:
        page = signed_in(playwright, stack)
        page.goto("dags/fraud_retraining")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        expect(form.get_by_text("Ask for a review").first).to_be_visible(timeout=20_000)
        form.get_by_role("button", name="Advanced Options").click()
        # The form writes its values into the editor after it opens, so the text is replaced once they are there.
        editor = form.locator(".monaco-editor")
        expect(editor).to_contain_text('"require_review"')
        editor.get_by_role("textbox").press("ControlOrMeta+a")
        editor.get_by_role("textbox").evaluate(PASTE, json.dumps(MISSPELT))
        expect(editor.locator(".view-line")).to_have_text(
            json.dumps(MISSPELT).replace(" ", "\u00a0")
        )
        form.get_by_role("button", name="Trigger").click()
        expect(form.get_by_text("unknown parameter 'requre_review'")).to_be_visible(timeout=20_000)
        page.screenshot(path=str(tmp_path / "refused.png"))
        page.context.browser.close()
    assert manual_runs(airflow, "fraud_retraining") == before
