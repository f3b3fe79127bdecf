"""Two whole retraining runs side by side, as processes, from the first question to the switch."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import exit_codes
from pipelines.context import context
from pipelines.rules.promotion.ledger import champion
from pipelines.settings import ROOT, Settings
from pipelines.stores.registry_client import RegistryClient

RETRAIN = ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve")
PROMOTE = ("final_validation", "promote")
ATTEMPTS = 2  # as Airflow makes
FINAL = (exit_codes.OK, exit_codes.REFUSED, exit_codes.SKIPPED)


@pytest.fixture
def settings(tmp_path: Path, database_url: str, mlflow_uri: str) -> Settings:
    overlay = ROOT / "stack" / "policy.demo.yaml"
    return Settings(
        home=tmp_path,
        database_url=database_url,
        mlflow_tracking_uri=mlflow_uri,
        policy_overlay=overlay,
    )


def test_of_two_retrainings_at_once_one_promotes_and_the_other_stops_with_the_reason(
    settings: Settings,
) -> None:
    environment = os.environ | {
        "SIXGATE_HOME": str(settings.home), "SIXGATE_DATABASE_URL": settings.database_url,
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri, "SIXGATE_POLICY_OVERLAY": str(settings.policy_overlay),
    }  # fmt: skip

    def steps(run_id: str) -> str:
        """All steps of one run; returns the last one's words."""
        decision: dict[str, int] = {}
        for step in (*RETRAIN, *PROMOTE):
            params = decision if step in PROMOTE else {"reference": True}
            command = [
                sys.executable,
                "-m",
                "pipelines",
                "step",
                step,
                "--use-case",
                "fraud",
                "--run-id",
                run_id,
            ]
            for _ in range(ATTEMPTS):
                done = subprocess.run(
                    [*command, "--params", json.dumps(params)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=400,
                )
                if done.returncode in FINAL:
                    break
            if done.returncode:
                assert done.returncode in FINAL, done.stdout + done.stderr
                assert step in ("approve", "promote"), done.stdout + done.stderr
                return done.stdout + done.stderr
            decision = {
                "decision_id": json.loads(done.stdout.splitlines()[-1]).get("decision_id", 0)
            }
        return done.stdout

    with ThreadPoolExecutor(2) as both:
        words = list(both.map(steps, ("one", "other")))
    wired = context(settings, "fraud", "looking", datetime.now(UTC))
    entries = wired.ledger.recent("fraud")
    decisions = [wired.decisions.of_run("fraud", run_id) for run_id in ("one", "other")]
    wired.close()
    assert [entry.state for entry in entries].count("DONE") == 1, words
    (promoted,) = (entry for entry in entries if entry.state == "DONE")
    (stopped,) = (said for said in words if '"state":"DONE"' not in said.replace(" ", ""))
    assert re.search(
        "a newer candidate was approved|is not carried out: .*(champion|newer)", stopped
    ), stopped
    assert all(decision.verdict in ("APPROVED", "SUPERSEDED") for decision in decisions)
    with RegistryClient.of(settings) as production:
        assert champion(entries) is not None and production.version("fraud") == promoted.to_version
