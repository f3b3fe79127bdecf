"""The whole system, for real: the story, a browser, a crash, and nothing left behind."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from rich.console import Console

from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import connect
from pipelines.use_case import read_contract
from stack import lifecycle
from stack.airflow_client import Airflow
from stack.demo.profiles.fraud import PaymentWorld
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import simulate
from stack.demo.walkthrough import Demo
from stack.home import airflow_pages, home_of
from stack.processes import child
from stack.status.report import status
from tests.e2e import web
from tests.unit.serving import made

pytestmark = pytest.mark.timeout(600)
KINDS = (
    "batch_explanation",
    "batch_scoring",
    "drift_detection",
    "promotion",
    "retraining",
    "rollback",
)
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def sixgate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *arguments], capture_output=True, text=True, timeout=240
    )


def test_the_story_holds_step_by_step(stack: Settings) -> None:
    with contextlib.closing(Demo(stack, Console())) as demo:
        demo.run()
        assert len(demo.log.steps) == 11
        decision = demo.newest_decision()
        assert (decision.trigger, decision.verdict, len(decision.gates or [])) == (
            "DRIFT",
            "APPROVED",
            6,
        )
        log = demo.airflow.log("fraud_retraining", decision.run_id, "shadow_evaluate")
        links = demo.airflow.links("fraud_retraining", decision.run_id, "train")
    page = f"http://127.0.0.1:{stack.mlflow_port}/#/models/fraud/versions/{decision.challenger_version}"
    assert links == {"Model in MLflow": page}
    assert "f1_improvement" in log
    assert "verdict: APPROVED" in log


def test_people_read_decisions_ledger_and_status_on_the_command_line(stack: Settings) -> None:
    decisions = json.loads(sixgate("decisions", "list", "--json").stdout)
    assert {"name", "outcome", "observed", "threshold", "low", "high", "reason"} <= set(
        decisions[0]["gates"][0]
    )
    assert "f1_improvement" in sixgate("decisions", "list").stdout
    assert [entry["state"] for entry in json.loads(sixgate("ledger", "--json").stdout)][:2] == [
        "DONE",
        "INTENDED",
    ]
    document = json.loads(sixgate("status", "--json").stdout)
    assert document["up"] is True
    assert set(document["health"]) == {"airflow", "mlflow", "server"}
    assert document["alerts"] == []
    drift = newest_alert("feature_drift")
    assert (drift["severity"], drift["state"]) == ("SEVERE", "RESOLVED")
    promoted = json.loads(sixgate("ledger", "--json").stdout)[0]
    assert drift["resolution"] == (
        f"version {promoted['to_version']} replaced version {promoted['from_version']} "
        f"(decision {promoted['decision_id']})"
    )
    (use_case,) = document["use_cases"]
    serving = use_case["serving"]
    assert (serving["version"], serving["decision"]) == (
        promoted["to_version"],
        promoted["decision_id"],
    )
    assert serving["replicas_on_it"] == serving["replicas"] >= 1
    dags = {dag["dag_id"]: dag for dag in document["dags"]}
    assert set(dags) == {"housekeeping", *(f"fraud_{kind}" for kind in KINDS)}
    assert dags["fraud_retraining"]["last_run"]["state"] == "success"
    assert datetime.fromisoformat(dags["fraud_retraining"]["next_run"]) > datetime.now(UTC)
    screen = sixgate("status").stdout
    assert f"version {serving['version']} since " in screen
    lines = screen.splitlines()
    without_paths = [line for line in lines if ": /" not in line]
    assert len(lines) <= 40 and max(len(line) for line in without_paths) <= 100
    again = sixgate("demo")
    assert (again.returncode, "make clean" in again.stderr) == (2, True)


def test_simulated_traffic_is_answered_at_the_wanted_rate(stack: Settings) -> None:
    done = sixgate("simulate", "--count", "200", "--rate", "100", "--drift", "attack", "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["answered"], counts["failed"]) == (200, 0)
    assert counts["labelled"] > 50


def test_a_second_up_says_that_all_is_up(stack: Settings) -> None:
    done = sixgate("up")
    assert done.returncode == 0
    assert "the stack is already up" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_a_person_triggers_retraining_in_the_browser_and_reads_the_gates(
    stack: Settings, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    decision = json.loads(sixgate("decisions", "list", "--json").stdout)[0]
    with sync_playwright() as playwright:
        page = signed_in(playwright, stack)
        page.goto("dags/fraud_retraining")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        for title in ("Reason", "Skip the cooldown", "Ask for a review", "Snapshot"):
            expect(form.get_by_text(title).first).to_be_visible(timeout=20_000)
        form.get_by_role("textbox").nth(0).fill("asked for in a browser")
        page.screenshot(path=str(tmp_path / "trigger.png"))
        form.get_by_role("button", name="Trigger").click()
        expect(form).to_be_hidden(timeout=20_000)
        page.goto(f"dags/fraud_retraining/runs/{decision['run_id']}/tasks/shadow_evaluate")
        expect(page.get_by_text("f1_improvement").first).to_be_visible(timeout=20_000)
        expect(page.get_by_text("verdict: APPROVED").first).to_be_visible(timeout=20_000)
        page.screenshot(path=str(tmp_path / "gates.png"))
        page.context.browser.close()
    with contextlib.closing(Airflow(stack)) as airflow:
        airflow.finish("fraud_retraining", airflow.runs("fraud_retraining")[0]["dag_run_id"])
    asked = json.loads(sixgate("decisions", "list", "--json").stdout)[0]
    assert (asked["trigger"], asked["requested_by"], asked["request_reason"]) == (
        "MANUAL",
        "admin",
        "asked for in a browser",
    )
    assert asked["verdict"] in ("APPROVED", "REJECTED")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_a_person_reads_the_drift_page_and_acknowledges_an_alert(
    stack: Settings, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    alert = newest_alert("feature_drift")
    assert alert["report"], "the check that raised it drew a page"
    with connect(stack) as connection:
        new = AlertStore(connection).raise_(
            "fraud", cause="data_quality", severity="WARNING", message="an alert of this test"
        )
    with sync_playwright() as playwright:
        page = signed_in(playwright, stack)
        page.goto("plugin/sixgate-drift")
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading", name="Drift: fraud")).to_be_visible(timeout=20_000)
        expect(frame.get_by_text(alert["message"][:40]).first).to_be_visible()
        page.screenshot(path=str(tmp_path / "drift-in-airflow.png"))
        page.goto("sixgate/drift/fraud/")
        expect(page.get_by_text(f"Resolved: {alert['resolution']}").first).to_be_visible()
        comment = page.get_by_label(f"comment on alert {new.id}")
        comment.fill("on it <b>now</b>")
        comment.press("Enter")
        expect(page.get_by_text('Acknowledged by admin: "on it <b>now</b>"')).to_be_visible()
        page.screenshot(path=str(tmp_path / "drift.png"), full_page=True)
        problems: list[str] = []
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"sixgate/drift/fraud/reports/{alert['report']}")
        expect(page.get_by_text("Dataset Drift").first).to_be_visible(timeout=30_000)
        page.screenshot(path=str(tmp_path / "evidently.png"))
        assert not problems, "it asks for nothing that its policy forbids"
        page.context.browser.close()


def test_a_killed_explanation_is_tried_again_by_airflow_and_all_are_explained(
    stack: Settings,
) -> None:
    def explaining(run_id: str) -> list[psutil.Process]:
        found = []
        for process in child.descendants(home_of(stack).run):
            with contextlib.suppress(psutil.Error):
                if {"step", "explain", run_id} <= set(process.cmdline()):
                    found.append(process)
        return found

    with contextlib.closing(Airflow(stack)) as airflow:
        run = airflow.trigger("fraud_batch_explanation", {"select": "all"})
        until(lambda: explaining(run))
        explaining(run)[0].kill()
        tasks = airflow.finish("fraud_batch_explanation", run)
        chunks = [name for name in tasks if name.startswith("explain")]
        assert len(chunks) > 1 and set(tasks.values()) == {"success"}
        path = (
            f"{stack.airflow_url}/api/v2/dags/fraud_batch_explanation/dagRuns/{run}/taskInstances"
        )
        found = web.get(path, headers=airflow.headers).json()["task_instances"]
        tries = [task["try_number"] for task in found if task["task_id"] == "explain"]
        assert sorted(tries) == [1] * (len(chunks) - 1) + [2]
    with psycopg.connect(stack.database_url) as connection:
        states = connection.execute(
            "SELECT coalesce(status, 'NONE'), count(*)"
            " FROM prediction_logs LEFT JOIN explanations USING (prediction_id) GROUP BY 1"
        ).fetchall()
    assert set(dict(states)) == {"COMPLETED"}, states


def test_an_uploaded_file_is_scored_by_airflow_and_downloaded_again(stack: Settings) -> None:
    rows = [made.row(transaction_id=f"file-{number}", amount=number) for number in range(500)]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    headers = {"X-API-Key": stack.api_key}
    with httpx.Client(base_url=f"{stack.api_url}/v1/fraud", headers=headers, timeout=30) as api:
        answer = api.post(
            "/jobs",
            params={"log": True},
            content="\n".join(lines).encode(),
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 202, answer.text
        job = answer.json()
        with contextlib.closing(Airflow(stack)) as airflow:
            run = airflow.trigger("fraud_batch_scoring", {"job": job["job_id"]})
            assert airflow.finish("fraud_batch_scoring", run) == {"score_file": "success"}
        state = api.get(f"/jobs/{job['job_id']}").json()
        assert (state["state"], state["rows"], state["refused"]) == ("SUCCEEDED", 500, 0), state
        header, first, *others = api.get(f"/jobs/{job['job_id']}/result").text.splitlines()
        assert len(others) == 499
        scored = dict(zip(header.split(","), first.split(","), strict=True))
        online = api.post("/predict", json=rows[0]).json()
        assert float(scored["score"]) == online["score"]
        logged = api.get(f"/predictions/{scored['prediction_id']}").json()
        assert (logged["score"], logged["transaction_id"]) == (online["score"], "file-0")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
def test_an_analyst_looks_up_why_a_prediction_was_flagged(stack: Settings, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with psycopg.connect(stack.database_url) as connection:
        found = connection.execute(
            "SELECT p.prediction_id::text FROM explanations JOIN prediction_logs AS p USING (prediction_id, scored_at)"
            " WHERE status = 'COMPLETED' AND predicted_label = 1 ORDER BY scored_at DESC LIMIT 1"
        ).fetchone()
    assert found
    with sync_playwright() as playwright:
        page = signed_in(playwright, stack)
        problems: list[str] = []
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )
        page.goto("plugin/sixgate-explanations")
        expect(
            page.frame_locator("iframe").get_by_role("heading", name="Explanations: fraud")
        ).to_be_visible(timeout=20_000)
        page.goto("sixgate/explanations/fraud/")
        expect(page.get_by_alt_text(picture(stack))).to_be_visible()
        assert page.evaluate("document.querySelector('img').naturalWidth") > 500
        page.screenshot(path=str(tmp_path / "explanations.png"), full_page=True)
        page.get_by_placeholder("prediction_id").fill(found[0])
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("Base value")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("multiplies the odds of is_fraud by").first).to_be_visible()
        page.screenshot(path=str(tmp_path / "why.png"), full_page=True)
        assert not problems, "it asks for nothing that its policy forbids"
        page.context.browser.close()


def test_the_explanation_page_is_for_who_is_signed_in_and_asking_for_who_may_run_the_dag(
    stack: Settings,
) -> None:
    page, unknown = (
        f"{pages(stack)}/sixgate/explanations/fraud",
        "01a20212-cfb9-7bf4-aa7b-d4997635413c",
    )
    ask = f"{page}/predictions/{unknown}/ask"
    paths = (
        "/",
        "/../",
        f"/predictions/{unknown}",
        f"/pictures/{picture(stack)}",
        f"/find?prediction={unknown}",
    )
    for method, url in (*(("GET", f"{page}{path}") for path in paths), ("POST", ask)):
        assert httpx.request(method, url).status_code == 401, url
    with contextlib.closing(Airflow(stack, "viewer")) as viewer:
        headers = dict(viewer.headers)
    assert web.get(f"{page}/", headers=headers).status_code == 200
    assert (
        web.get(f"{page}/pictures/{picture(stack)}", headers=headers).headers["content-type"]
        == "image/png"
    )
    assert web.get(f"{page}/pictures/validation-x.json", headers=headers).status_code == 404
    assert web.get(f"{page}/predictions/{unknown}", headers=headers).status_code == 404
    assert web.post(ask, headers=headers).status_code == 403
    with contextlib.closing(Airflow(stack)) as admin:
        headers = dict(admin.headers)
    assert web.post(ask, headers=headers | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert web.post(ask, headers=headers).status_code == 404


def test_a_row_explained_at_once_has_the_contributions_that_the_dag_computed(
    stack: Settings,
) -> None:
    with httpx.Client(
        base_url=f"{stack.api_url}/v1/fraud", headers={"X-API-Key": stack.api_key}, timeout=40
    ) as client:
        version = client.get("/model").json()["version"]
        with psycopg.connect(stack.database_url) as connection:
            found = connection.execute(
                "SELECT prediction_id::text FROM explanations WHERE status = 'COMPLETED' AND model_version = %s LIMIT 1",
                [version],
            ).fetchone()
        assert found
        prediction = client.get(f"/predictions/{found[0]}").json()
        known = client.get(f"/predictions/{found[0]}/explanation").json()
        raw = {f.name for f in read_contract(stack.reference / "fraud").features}
        at_once = client.post(
            "/explain", json={k: v for k, v in prediction["features"].items() if k in raw}
        )
        assert at_once.status_code == 200, at_once.text
        assert at_once.json()["score"] == pytest.approx(prediction["score"], abs=1e-6)
        ours, theirs = (
            {c["feature"]: c["contribution"] for c in one["contributions"]}
            for one in (at_once.json(), known)
        )
        assert ours == pytest.approx(theirs, abs=1e-5)
    shown = json.loads(sixgate("explain", found[0], "--json").stdout)
    assert {r["feature"]: r["contribution"] for r in shown["reasons"]} == pytest.approx(
        theirs, abs=1e-9
    )


def test_the_drift_page_is_for_who_is_signed_in_and_acknowledging_for_who_may_run_the_dag(
    stack: Settings,
) -> None:
    page, report = f"{pages(stack)}/sixgate/drift/fraud", "reports/drift-20260101T000000Z.html.gz"
    acknowledge = f"{page}/alerts/1/acknowledge"
    for method, url in (
        ("GET", f"{page}/"),
        ("GET", f"{page}/{report}"),
        ("POST", acknowledge),
        ("GET", f"{page}/../"),
    ):
        assert httpx.request(method, url).status_code == 401, url
    with contextlib.closing(Airflow(stack, "viewer")) as viewer:
        headers = dict(viewer.headers)
    assert web.get(f"{page}/", headers=headers).status_code == 200
    assert web.get(f"{page}/{report}", headers=headers).status_code == 404
    assert (
        web.get(f"{page}/reports/..%2F..%2Fairflow%2Fpasswords.json", headers=headers).status_code
        == 404
    )
    assert web.get(f"{pages(stack)}/sixgate/drift/cats/", headers=headers).status_code == 404
    assert web.post(acknowledge, headers=headers).status_code == 403
    with contextlib.closing(Airflow(stack)) as admin:
        headers = dict(admin.headers)
    assert (
        web.post(acknowledge, headers=headers | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    assert web.post(f"{page}/alerts/999999/acknowledge", headers=headers).status_code == 409


def test_drift_and_alerts_are_read_on_the_command_line(stack: Settings) -> None:
    shown = json.loads(sixgate("drift", "--window", "24h", "--json").stdout)
    psi = {m["feature"] for m in shown["metrics"] if m["metric"] == "psi"}
    assert "amount" in psi
    assert "during_night" not in psi
    table = sixgate("drift", "--window", "24h").stdout
    assert "baseline: PSI" in table
    assert "estimated_f1" in table
    refused = sixgate("drift", "--window", "a day")
    assert (refused.returncode, "write a multiple of" in refused.stderr) == (2, True)
    assert "feature_drift" in sixgate("alerts").stdout
    refused = sixgate("alerts", "acknowledge", "999999")
    assert (refused.returncode, "has no open alert 999999" in refused.stderr) == (2, True)


def newest_alert(cause: str) -> dict[str, Any]:
    """The newest alert of a cause, as the command line shows it."""
    alerts = json.loads(sixgate("alerts", "list", "--json").stdout)
    return next(alert for alert in alerts if alert["cause"] == cause)


def picture(stack: Settings) -> str:
    """The first picture of explanations that was drawn."""
    return Artifacts.of(stack, "fraud").reports("explanations-v*-beeswarm.png")[0]


def pages(stack: Settings) -> str:
    """Where a browser finds Airflow."""
    return airflow_pages(stack, home_of(stack).secrets())


def signed_in(playwright: Any, stack: Settings) -> Any:
    """A page of a browser in which admin is signed in."""
    from playwright.sync_api import expect

    passwords = json.loads((stack.home / "airflow" / "passwords.json").read_text())
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )
    page = browser.new_page(viewport={"width": 1500, "height": 1000}, base_url=f"{pages(stack)}/")
    page.goto("")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", passwords["admin"])
    page.click("button[type=submit]")
    expect(page.get_by_role("link", name="Dags").first).to_be_visible(
        timeout=60_000
    )  # going on earlier would lose the session
    return page


def test_a_candidate_waits_for_a_person_and_a_rejection_is_recorded_with_who_and_why(
    stack: Settings,
) -> None:
    contract = read_contract(stack.reference / "fraud")
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        days=20
    )
    world = PaymentWorld(
        seed=99,
        start=start,
        days=14,
        customers=1500,
        drift=frozenset({"concept"}),
        drift_from=start,
    )
    snapshot = Artifacts.of(stack, "fraud").save(
        "snapshots", as_snapshot(simulate(world), contract)
    )
    with contextlib.closing(Airflow(stack)) as airflow:
        known = {run["dag_run_id"] for run in airflow.runs("fraud_promotion")}
        airflow.finish(
            "fraud_retraining",
            airflow.trigger("fraud_retraining", {"snapshot": snapshot, "require_review": True}),
        )
        run = airflow.next_run("fraud_promotion", run_type="asset_triggered", earlier=known)
        until(lambda: airflow.tasks("fraud_promotion", run)["review"] == "awaiting_input")
    wait_for_two_heartbeats(
        stack
    )  # an answer within the same scheduler loop would be asked for again by Airflow
    with contextlib.closing(Airflow(stack, "reviewer")) as reviewer:
        reviewer.answer("fraud_promotion", run, "review", "Reject", "not on a Friday")
        tasks = reviewer.finish("fraud_promotion", run)
    assert tasks == {
        "needs_review": "success",
        "review": "success",
        "final_validation": "skipped",
        "promote": "skipped",
    }
    decision = json.loads(sixgate("decisions", "list", "--json").stdout)[0]
    assert (decision["verdict"], decision["reviewer"], decision["review_comment"]) == (
        "APPROVED",
        "reviewer",
        "rejected: not on a Friday",
    )
    entry = json.loads(sixgate("ledger", "--json").stdout)[0]
    kept = entry["state"], entry["actor"], entry["reason"]
    assert kept == ("REFUSED", "reviewer", "rejected by reviewer: not on a Friday")


def test_what_dies_is_restarted_and_a_killed_supervisor_is_recovered_from(stack: Settings) -> None:
    home = home_of(stack)
    before = status(stack)["processes"]
    os.kill(before["server"]["pid"], signal.SIGKILL)
    until(lambda: status(stack)["processes"]["server"]["pid"] not in (0, before["server"]["pid"]))
    until(lambda: web.get(f"{stack.api_url}/readyz").status_code == 200)
    os.kill(int((home.run / "supervisord.pid").read_text()), signal.SIGKILL)
    assert lifecycle.up(stack, say=print)
    assert status(stack)["up"] is True
    answer = web.get(f"{stack.api_url}/v1/fraud/model", headers={"X-API-Key": stack.api_key})
    assert answer.json()["version"] >= 2


def test_a_person_takes_the_newest_model_back_in_airflow(stack: Settings) -> None:
    def serving() -> int:
        headers = {"X-API-Key": stack.api_key}
        return int(web.get(f"{stack.api_url}/v1/fraud/model", headers=headers).json()["version"])

    before = serving()
    with contextlib.closing(Airflow(stack)) as airflow:
        tasks = airflow.finish(
            "fraud_rollback", airflow.trigger("fraud_rollback", {"reason": "too many false alarms"})
        )
    assert set(tasks.values()) == {"success"}
    entry = json.loads(sixgate("ledger", "--json").stdout)[0]
    assert (entry["action"], entry["state"], entry["actor"]) == ("ROLLBACK", "DONE", "admin")
    assert entry["reason"].startswith("too many false alarms; acknowledged by")
    assert (entry["from_version"], serving()) == (before, entry["to_version"])
    assert before != entry["to_version"]


def test_a_reviewer_may_sign_in_and_a_stranger_may_not(stack: Settings) -> None:
    with contextlib.closing(Airflow(stack, "reviewer")) as reviewer:
        assert reviewer.runs("fraud_retraining")
    assert web.get(f"{stack.airflow_url}/api/v2/dags").status_code == 401
    assert web.post(f"{stack.api_url}/v1/fraud/predict", json={}).status_code == 401


def test_down_leaves_no_process_and_up_would_find_the_data(stack: Settings) -> None:
    instance = home_of(stack).secrets().instance
    family = {*child.descendants(home_of(stack).run), *child.strays(instance)}
    assert len(family) > 7
    assert lifecycle.down(stack) >= 7
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not child.strays(instance)
    assert status(stack)["up"] is False
    assert lifecycle.down(stack) == 0


def wait_for_two_heartbeats(stack: Settings) -> None:
    """Return once the scheduler has begun another loop."""
    beats = set()

    def beat_again() -> bool:
        health = web.get(f"{stack.airflow_url}/api/v2/monitor/health").json()
        beats.add(health["scheduler"]["latest_scheduler_heartbeat"])
        return len(beats) > 2

    until(beat_again)


def until(holds: object, seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():  # type: ignore[operator]
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)
