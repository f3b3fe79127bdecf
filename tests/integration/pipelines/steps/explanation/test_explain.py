"""Explanations on a real database and registry: equal to those of shap, and each written once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import Context, context
from pipelines.errors import ModelRejected, SixgateError, StepSkipped
from pipelines.rules.monitoring.alert_rules import ATTRIBUTION, evaluate_alerts
from pipelines.rules.monitoring.drift_check import References, Span, TrafficCounts, check_drift
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.steps.retraining.train import register
from pipelines.stores.baseline import read_manifest
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.stores.predictions import time_of
from serving.journal.prediction_ids import uuid7
from tests.integration.explained import (
    ALL,
    PLAIN,
    Logged,
    Run,
    day,
    drawn,
    kept,
)
from tests.integration.logged import CONTRACT


def test_each_prediction_is_explained_by_the_version_that_scored_it_as_shap_would(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    of = {1: log.ship(6000), 2: log.ship(700, 2, seed=5)}
    chunks = run("plan", changed=ALL)
    assert len(chunks) == 2
    assert sum(run("explain", **chunk)["completed"] for chunk in chunks) == 6700
    for version, ids in of.items():
        found, (values, base) = kept(wired, ids), log.expected(ids, version)
        elsewhere, _ = log.expected(ids, 3 - version)
        assert {row["model_version"] for row in found.values()} == {version}
        written = np.array([found[each]["contributions"] for each in ids])
        assert np.abs(written - values).max() < 1e-5 < 0.1 < np.abs(written - elsewhere).max()
        assert [row["base_value"] for row in found.values()] == pytest.approx(
            [base] * len(ids), abs=1e-5
        )
        assert {(row["status"], row["attempts"]) for row in found.values()} == {("COMPLETED", 1)}


def test_what_is_explained_before_a_plan_comes_to_it_counts_too(
    wired: Context, run: Run, log: Logged
) -> None:
    with psycopg.connect(wired.settings.database_url) as slow, slow.transaction():
        slow.execute("SELECT pg_current_xact_id()")  # holds back what counts as settled
        ids = log.ship(300)
        flagged = [
            p for p in (wired.predictions.get("fraud", each) for each in ids) if p.predicted_label
        ][:5]
        for prediction in flagged:
            wired.explanations.request(prediction, select="flagged", sample=0.25)
        (asked,) = run("plan")
        assert run("explain", **asked)["completed"] == 5
    assert wired.explanations.attributions("fraud", *day())[1][1].n == 5
    for chunk in run("plan", "later"):
        run("explain", "later", **chunk)
    shares = [row["share"] for row in kept(wired).values()]
    assert wired.explanations.attributions("fraud", *day())[1][1].n == len(shares)
    assert None not in shares


def process(settings: Settings, code: str, chunk: str) -> subprocess.Popen[bytes]:
    """The explain step as a process of its own; `code` runs in it before."""
    environment = {
        **os.environ, "SIXGATE_HOME": str(settings.home), "SIXGATE_DATABASE_URL": settings.database_url,
        "SIXGATE_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri, "SIXGATE_POLICY_OVERLAY": str(settings.policy_overlay),
    }  # fmt: skip
    step = ["sixgate", "step", "explain", "--run-id", "r", "--params", json.dumps({"chunk": chunk})]
    command = [
        sys.executable,
        "-c",
        f"import sys\n{code}\nsys.argv = {step!r}\nfrom pipelines.cli.app import main\nmain()",
    ]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_killed_task_goes_on_where_it_was_and_writes_nothing_twice(
    wired: Context, run: Run, log: Logged, settings: Settings
) -> None:  # fmt: skip
    ids = log.ship(9000)
    (chunk,) = run("plan", changed=ALL)
    small = "import pipelines.steps.explanation.explain as step\nstep.BATCH = 1000"
    first = process(settings, small, chunk["chunk"])
    deadline = time.monotonic() + 60
    done: dict[UUID, dict[str, Any]] = {}
    while len(done) < 2000:
        assert time.monotonic() < deadline
        done = {each: row for each, row in kept(wired).items() if row["status"] == "COMPLETED"}
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = {each: row for each, row in kept(wired).items() if row["status"] == "COMPLETED"}
    assert 2000 <= len(done) < 9000
    second = process(settings, small, chunk["chunk"])
    output = second.communicate(timeout=120)[0].decode()
    assert second.returncode == 0, output
    result = json.loads(output.splitlines()[-1])
    assert result["completed"] == 9000 - len(done)
    found = kept(wired)
    assert {row["status"] for row in found.values()} == {"COMPLETED"}
    assert all(found[each] == row for each, row in done.items()), "what was written stays as it is"
    assert sum(row["attempts"] - 1 for row in found.values()) <= 1000, (
        "only what was under way is done again"
    )
    (sums,) = [sums for _, sums in wired.explanations.attributions("fraud", *day()).values()]
    assert sums.n == 9000
    mean = np.abs(np.array([found[each]["contributions"] for each in ids])).mean(axis=0)
    names, _ = wired.explanations.attributions("fraud", *day())[1]
    np.testing.assert_allclose(
        sums.mean, mean[[CONTRACT.columns.index(name) for name in names]], rtol=1e-9
    )


def test_a_row_that_ends_its_process_fails_alone_after_three_attempts(
    wired: Context, run: Run, log: Logged, settings: Settings
) -> None:  # fmt: skip
    ids = log.ship(1500)
    killer = ids[777]
    wired.connection.execute(
        "UPDATE prediction_logs SET features[1] = -12345 WHERE prediction_id = %s AND scored_at = %s",
        (killer, time_of(killer)),
    )
    deadly = (
        "import os, signal, numpy as np\nimport pipelines.rules.explanation.shap_explainer as rule\n"
        "usual = rule.Explainer.__call__\n"
        "def deadly(self, features):\n    (features == -12345).any() and os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return usual(self, features)\nrule.Explainer.__call__ = deadly"
    )
    (chunk,) = run("plan", changed=ALL)
    codes = []
    for _ in range(3):  # as often as Airflow tries
        died = process(settings, deadly, chunk["chunk"])
        died.communicate(timeout=60)
        codes.append(died.returncode)
    assert codes == [-signal.SIGKILL] * 3
    for number in range(2):
        try:
            chunks = run("plan", f"later-{number}")
        except StepSkipped:
            break
        for chunk in chunks:
            run("explain", f"later-{number}", **chunk)
    found = kept(wired)
    assert (found[killer]["status"], found[killer]["attempts"]) == ("FAILED", 3)
    assert "the process that computed it ended before it was done" in found[killer]["error"]
    assert {row["status"] for each, row in found.items() if each != killer} == {"COMPLETED"}


def test_poisoned_rows_fail_by_themselves_and_say_why(
    wired: Context, run: Run, log: Logged
) -> None:
    ids = log.ship(300)
    short, wrong, gone = ids[:3]
    for each, change in ((short, "features = features[1:2]"), (wrong, "score = 0.123456")):
        wired.connection.execute(
            f"UPDATE prediction_logs SET {change} WHERE prediction_id = %s", (each,)
        )
    for attempt in (1, 2, 3):
        (chunk,) = run("plan", f"r{attempt}", changed=ALL)
        if attempt == 1:
            wired.connection.execute(
                "DELETE FROM prediction_logs WHERE prediction_id = %s", (gone,)
            )
        result = run("explain", f"r{attempt}", **chunk)
        assert result == {
            "chunk": chunk["chunk"],
            "completed": 297 if attempt == 1 else 0,
            "failed": 3,
        }
        states = {row["status"] for row in kept(wired, [short, wrong, gone]).values()}
        assert states == {"PENDING" if attempt < 3 else "FAILED"}
    found = kept(wired)
    assert found[short]["error"] == "it has 2 features, and its contract has 18"
    assert (
        "the logged score is 0.123456: version 1 did not score these features"
        in found[wrong]["error"]
    )
    assert "no longer logged" in found[gone]["error"]
    assert {found[each]["attempts"] for each in (short, wrong, gone)} == {3}
    assert [
        failed.prediction_id for failed in wired.explanations.failures("fraud", limit=2)
    ] == sorted(ids[:3])[:0:-1]


def test_a_model_that_is_gone_fails_its_chunk_for_good_and_a_registry_that_is_away_counts_against_no_row(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    ids = log.ship(20)
    (chunk,) = run("plan", changed=ALL)
    again = replace(
        wired,
        params=chunk,
        settings=wired.settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"}),
    )
    with pytest.raises(httpx.ConnectError):
        perform("explain", again)
    assert {(row["status"], row["attempts"]) for row in kept(wired).values()} == {("PENDING", 0)}
    wired.connection.execute("UPDATE explanations SET model_version = 99")
    for _ in range(3):
        with pytest.raises(Exception, match="fraud has no model version 99"):
            run("explain", **chunk)
    assert {(row["status"], row["attempts"]) for row in kept(wired, ids).values()} == {
        ("FAILED", 3)
    }
    assert "fraud has no model version 99" in kept(wired)[ids[0]]["error"]
    assert run("explain", **chunk) == {"chunk": "r/picked/1/0", "completed": 0, "failed": 0}


def test_a_chunk_must_be_named(run: Run) -> None:
    with pytest.raises(SixgateError, match="param 'chunk' is None, not a text"):
        run("explain")


def test_a_corrupt_artefact_is_an_error_of_the_model(
    wired: Context,
    run: Run,
    log: Logged,
    models: dict[int, Candidate],
    overwrite: Callable[[str, int, str, bytes], None],
) -> None:
    third = context(wired.settings, "fraud", "train-3", datetime.now(UTC))
    version = register(third, models[1], drawn(100, 3), account=PLAIN, data_hash="none").version
    third.close()
    overwrite("fraud", version, "explain.ubj", b"not a model")
    log.ship(5)
    wired.connection.execute("UPDATE prediction_logs SET model_version = %s", (version,))
    (chunk,) = run("plan", changed=ALL)
    with pytest.raises(ModelRejected, match=r"explain\.ubj is not what was registered"):
        run("explain", **chunk)
    assert {(row["status"], row["attempts"]) for row in kept(wired).values()} == {("PENDING", 1)}


def test_sums_stand_for_all_predictions_and_a_check_sees_when_other_features_move_scores(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    ids = log.ship(4000)
    everything, _ = log.expected(ids, 1)
    truth = np.abs(everything).mean(axis=0)
    (chunk,) = run("plan")
    assert run("explain", **chunk)["completed"] < 2500
    columns, sums = wired.explanations.attributions("fraud", *day())[1]
    order = [CONTRACT.columns.index(name) for name in columns]
    assert np.abs(sums.mean - truth[order]).max() < 5 * np.sqrt(sums.variance).max()
    assert sums.w == pytest.approx(4000, rel=0.1)
    picked = np.array([row["contributions"] for row in kept(wired).values()])
    unweighted = np.abs(picked).mean(axis=0)[order]
    assert (np.abs(unweighted - truth[order]) / np.sqrt(sums.variance)).max() > 3.5, (
        "without weights, 5.6 to 7.3 in six runs"
    )

    manifest = read_manifest(wired.use_case.folder, CONTRACT)
    same = Reference(bins=manifest.name, features=manifest.profiles, importance=dict(zip(CONTRACT.columns, truth, strict=True)),
                     scores=[])  # fmt: skip
    turned = msgspec.structs.replace(
        same, importance=dict(zip(CONTRACT.columns, truth[::-1], strict=True))
    )
    causes = {}
    for name, reference in (("same", same), ("turned", turned)):
        traffic = TrafficCounts(buckets={}, attributions={1: (columns, sums)})
        references = References(baseline=manifest.profiles, champion=1, training=reference)
        span = Span.at(datetime.now(UTC), timedelta(days=1), timedelta(hours=1))
        figures = check_drift(
            "c", span, traffic, references, wired.use_case.policy, installed_statistics()
        )
        statuses = evaluate_alerts(figures, wired.use_case.policy)
        causes[name] = {status.cause: status for status in statuses}[ATTRIBUTION]
        assert {m.metric for m in figures} >= {
            "attribution",
            "attribution_distance",
            "attribution_ndcg",
        }
    assert causes["same"].severity is None
    assert causes["turned"].severity == "WARNING"
    assert "moved to other features" in causes["turned"].message


def test_the_command_explains_a_prediction_and_keeps_what_it_found(
    wired: Context, log: Logged, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    for name, value in (("HOME", settings.home), ("DATABASE_URL", settings.database_url),
                        ("MLFLOW_TRACKING_URI", settings.mlflow_tracking_uri)):  # fmt: skip
        monkeypatch.setenv(f"SIXGATE_{name}", str(value))
    (one,) = log.ship(1)
    shown = CliRunner().invoke(app.app, ["explain", str(one)])
    assert shown.exit_code == 0, shown.output
    values, base = log.expected([one], 1)
    most = int(np.abs(values[0]).argmax())
    assert (
        CONTRACT.columns[most] in shown.output
        and "█" * 16 in shown.output
        and f"base value {base:+.4f}" in shown.output
    )
    assert kept(wired)[one]["status"] == "COMPLETED"
    found = json.loads(CliRunner().invoke(app.app, ["explain", str(one), "--json"]).output)
    assert [r["contribution"] for r in found["reasons"]] == pytest.approx(
        sorted(values[0], key=lambda v: -abs(v)), abs=1e-5
    )
    body = json.loads(msgspec.json.encode(CONTRACT))
    body["features"][0] |= {"name": "sum_spent", "description": "what was spent"}
    former = msgspec.convert(body, Contract).hash
    wired.connection.execute(
        "INSERT INTO contracts VALUES (%s, 'fraud', %s)", [former, Jsonb(body)]
    )
    wired.connection.execute(
        "UPDATE prediction_logs SET contract_hash = %s WHERE prediction_id = %s", [former, one]
    )
    converted = CliRunner().invoke(app.app, ["explain", str(one)]).output
    assert "amount of the transaction, missing" in " ".join(converted.split()), (
        "in the words of the contract that the model was trained under, which has another feature"
    )
    assert "no prediction has the id" in str(
        CliRunner().invoke(app.app, ["explain", str(UUID(int=2**128 - 1))]).exception
    )
    unknown = CliRunner().invoke(
        app.app, ["explain", str(UUID(uuid7(int(time.time() * 1000), 1)[0]))]
    )
    assert "is logged" in str(unknown.exception)
    assert CliRunner().invoke(app.app, ["explain", str(uuid4())[:8]]).exit_code == 2
