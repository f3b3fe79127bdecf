"""Drift checks run step by step on a real database, traffic for them, and what they leave behind."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pipelines.context import Context, context
from pipelines.errors import StepSkipped
from pipelines.records import Metric
from pipelines.settings import ROOT
from pipelines.steps import perform
from serving.metrics.drift_metrics import DriftMetrics
from tests.integration.logged import NOW, Log

HOUR = timedelta(hours=1)
THIS_HOUR = NOW.replace(minute=0, second=0, microsecond=0)
WEEK = timedelta(days=7)
DAY = timedelta(hours=24)
OLD = NOW - 10 * HOUR
FIVE_MINUTES = timedelta(minutes=5)
CHECK = ("roll_up", "measure", "alert")
AFTER_ALERT = ("notify", "report", "wake_retraining", "guard")


def run(wired: Context, run_id: str, *steps: str, as_of: datetime = NOW, **params: Any) -> Any:
    """Steps of one check, each with a context of its own as a process has."""
    result = None
    for step in steps:
        fresh = context(wired.settings, "fraud", run_id, as_of, params=params)
        fresh.use_case = wired.use_case
        result = perform(step, fresh)
    return result


def odd_traffic(wired: Context, hours: int = 6, until: datetime = THIS_HOUR) -> Log:
    """Hours of rows that look like nothing in the baseline."""
    log = Log(wired)
    for ago in range(hours):
        log.ship(250, until - ago * HOUR)
    return log


def drawn(wired: Context, run_id: str, as_of: datetime = NOW) -> dict[str, Any]:
    """The report step as a process, as Airflow runs it: Evidently changes numpy for whoever imports it."""
    environment = {
        **os.environ, "SIXGATE_DATABASE_URL": wired.settings.database_url, "SIXGATE_HOME": str(wired.settings.home),
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "step",
        "report",
        "--run-id",
        run_id,
        "--as-of",
        as_of.isoformat(),
    ]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 99), done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def figures(wired: Context, run_id: str) -> dict[tuple[str, str, int], Any]:
    return {
        (m.metric, m.feature, m.model_version): m for m in wired.metrics.of_check("fraud", run_id)
    }


def whole_dag(wired: Context, run_id: str, as_of: datetime) -> dict[str, Any]:
    """Every step of the DAG, whatever was skipped before it: each may be cleared by itself."""
    results = {}
    for step in (*CHECK, *AFTER_ALERT):
        try:
            results[step] = run(wired, run_id, step, as_of=as_of)
        except StepSkipped as reason:
            results[step] = f"skipped: {reason}"
    return results


def prometheus(wired: Context) -> dict[tuple[str, ...], float]:
    """What the scoring server shows of drift and alerts."""
    figures = DriftMetrics()
    figures.refresh(wired.connection, ["fraud"])
    return {
        (family.name, *sample.labels.values()): sample.value
        for family in figures.collect()
        for sample in family.samples
    }


def state(wired: Context) -> dict[str, Any]:
    """All that people and programs see of now."""
    return {
        "prometheus": prometheus(wired),
        "latest": sorted(wired.metrics.latest("fraud"), key=repr),
        "alerts": wired.alerts.recent("fraud"),
        "history": wired.metrics.history("fraud", metric="psi", training=True),
        "days": [rounded(day) for day in wired.metrics.days("fraud")],
        "pages": wired.artifacts.reports("drift-*"),
    }


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose floats leave out what the order of a sum changes; PostgreSQL promises none."""
    return {
        name: round(value, 12) if isinstance(value, float) else value for name, value in row.items()
    }


def newest(wired: Context) -> str:
    return next(iter(wired.metrics.latest("fraud"))).check_id


def figures_of(wired: Context, check_id: str) -> list[Metric]:
    return [replace(figure, check_id="") for figure in wired.metrics.of_check("fraud", check_id)]
