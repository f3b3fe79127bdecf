"""Explanations on a real database and registry: right by shap itself, each once, whatever dies, is poisoned or is gone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import numpy as np
import psycopg
import pytest
import shap
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import Context, context
from pipelines.errors import ModelRejected, StepSkipped
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.monitoring.alert_rules import ATTRIBUTION, evaluate_alerts
from pipelines.rules.monitoring.drift_check import References, Span, TrafficCounts, check_drift
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.estimators.logistic import LogisticEstimator
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.steps.retraining.train import register
from pipelines.stores.baseline import read_manifest
from pipelines.stores.model_registry import Account
from pipelines.stores.predictions import PredictionLog, time_of
from pipelines.use_case import read_policy
from serving.journal.journal import JournalLine, JournalRow
from serving.journal.prediction_ids import uuid7
from tests.integration.logged import CONTRACT, rewrite

PLAIN = Account(params={}, metrics={}, below=(), figures={}, card="made for a test")
THRESHOLD = 0.5
TREES = {"n_estimators": 120, "max_depth": 4, "learning_rate": 0.1}
ALL = {"select": "all"}
Run = Callable[..., Any]


def drawn(n: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = np.round(random.gamma(2, 20, (n, len(CONTRACT.columns))), 3)
    features[random.random(features.shape) < 0.05] = np.nan
    return features


def fitted(estimator: Estimator, params: Params, calibration: Calibration) -> Candidate:
    features = drawn(4000, 1).astype(np.float32)
    known = np.nan_to_num(features)
    noise = np.random.default_rng(2).normal(0, 10, len(known))
    labels = (known[:, 0] * known[:, 5] / 40 + known[:, 2] + noise > 100).astype(np.int8)
    training = msgspec.structs.replace(
        read_policy(ROOT / "reference" / "fraud").training, imbalance="none"
    )
    model = Trainer(training, threads=2).fit(estimator, Rows(features, labels), params)
    return Candidate(
        fitted=model, calibration=calibration, threshold=THRESHOLD, params={}, metrics={}
    )


@pytest.fixture(scope="module")
def models() -> dict[int, Candidate]:
    """Version 1 is XGBoost, version 2 logistic regression, both calibrated."""
    return {
        1: fitted(XGBoostEstimator(), TREES, Calibration(0.8, -0.3)),
        2: fitted(LogisticEstimator(), {}, Calibration(1.1, 0.2)),
    }


@pytest.fixture(scope="module")
def settings(
    database_url: str,
    mlflow_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    models: dict[int, Candidate],
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    overlay = home / "overlay.yaml"
    overlay.write_text("explanation: {sample: 0.25}\n")
    made = Settings(
        home=home, database_url=database_url, mlflow_tracking_uri=mlflow_uri, policy_overlay=overlay
    )
    for version, candidate in models.items():
        wired = context(made, "fraud", f"train-{version}", datetime.now(UTC))
        assert (
            register(wired, candidate, drawn(100, 3), account=PLAIN, data_hash="none").version
            == version
        )
        wired.close()
    return made


@pytest.fixture
def wired(settings: Settings) -> Iterator[Context]:
    found = context(settings, "fraud", "looking", datetime.now(UTC))
    rewrite(
        found.connection,
        "TRUNCATE prediction_logs, explanations, explanation_watermarks, attribution_rollups, decision_records CASCADE",
    )
    yield found
    found.close()


@pytest.fixture
def run(wired: Context) -> Run:
    """Run a step as its process would, at the policy's word with changes."""

    def run(
        step: str, run_id: str = "r", changed: dict[str, Any] | None = None, **params: Any
    ) -> Any:
        again = replace(wired, run_id=run_id, params=params, as_of=datetime.now(UTC))
        if changed:
            policy = again.use_case.policy
            explanation = msgspec.structs.replace(policy.explanation, **changed)
            again.use_case = replace(
                again.use_case, policy=msgspec.structs.replace(policy, explanation=explanation)
            )
        return perform(step, again)

    return run


class Logged:
    """Predictions as servers log them, scored by the models themselves."""

    def __init__(self, wired: Context, models: dict[int, Candidate]) -> None:
        self.connection, self._models = wired.connection, models
        self.features: dict[UUID, np.ndarray] = {}

    def ship(
        self, n: int, version: int = 1, *, seed: int = 4, connection: psycopg.Connection[Any] | None = None,
        features: np.ndarray | None = None,
    ) -> list[UUID]:  # fmt: skip
        rows = drawn(n, seed) if features is None else features
        scores = self._models[version].score(rows.astype(np.float32))
        ids = [UUID(each) for each in uuid7(int(time.time() * 1000), n)]
        kept = [
            JournalRow(
                prediction_id=str(each), transaction_id=str(each), entity_key=None, event_time=time_of(each),
                features=[None if np.isnan(value) else value for value in values], score=float(score),
                predicted_label=int(score >= THRESHOLD),
            )
            for each, values, score in zip(ids, rows.tolist(), scores, strict=True)
        ]  # fmt: skip
        line = JournalLine(scored_at=time_of(ids[0]), use_case="fraud", model_version=version, contract_hash=CONTRACT.hash,
                    threshold=THRESHOLD, replica="test", rows=kept)  # fmt: skip
        to = connection or self.connection
        with to.transaction():
            assert PredictionLog(to).record([msgspec.json.Encoder().encode_lines([line])]) == n
        self.features |= dict(zip(ids, rows, strict=True))
        return ids

    def expected(self, ids: list[UUID], version: int) -> tuple[np.ndarray, float]:
        """What shap itself says of predictions, in log-odds of the calibrated score."""
        candidate, rows = self._models[version], np.array([self.features[each] for each in ids])
        if version == 1:
            explainer = shap.TreeExplainer(candidate.fitted.model)
            values = explainer.shap_values(rows.astype(np.float32))
            base = float(np.ravel(explainer.expected_value)[-1])
        else:
            scaler, regression = (step for _, step in candidate.fitted.model.steps)
            slopes = regression.coef_[0] / scaler.scale_
            intercept = regression.intercept_[0] - slopes @ scaler.mean_
            linear = shap.LinearExplainer((slopes, intercept), scaler.mean_.reshape(1, -1))
            filled = candidate.fitted.preparation(rows.astype(np.float32)).astype(np.float64)
            values = linear.shap_values(filled)
            base = float(linear.expected_value)
        a, b = candidate.calibration.a, candidate.calibration.b
        return a * values, a * base + b


@pytest.fixture
def log(wired: Context, models: dict[int, Candidate]) -> Logged:
    return Logged(wired, models)


def kept(wired: Context, ids: list[UUID] | None = None) -> dict[UUID, dict[str, Any]]:
    rows = wired.connection.execute("SELECT * FROM explanations").fetchall()
    wanted = None if ids is None else set(ids)
    return {
        row["prediction_id"]: row
        for row in rows
        if wanted is None or row["prediction_id"] in wanted
    }


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


def test_the_policy_picks_flagged_ones_and_a_share_and_what_was_asked_for_comes_first(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    ids = log.ship(4000)
    rows = wired.connection.execute(
        "SELECT prediction_id FROM prediction_logs WHERE predicted_label = 1"
    ).fetchall()
    flagged = {row["prediction_id"] for row in rows}
    prediction = wired.predictions.get("fraud", next(each for each in ids if each not in flagged))
    wired.explanations.request(prediction, select="flagged", sample=0.0)
    chunks = run("plan", changed={"limit": 1001, "chunk": 500})
    assert [chunk["chunk"] for chunk in chunks] == ["r/asked/1/0", "r/picked/1/0", "r/picked/1/1"]
    planned = kept(wired)
    assert planned[prediction.prediction_id]["chunk"] == "r/asked/1/0"
    assert all(planned[each]["share"] == 1 for each in flagged)
    sampled = [row for row in planned.values() if row["share"] == 0.25]
    assert len(sampled) == pytest.approx(0.25 * (4000 - len(flagged)), rel=0.2)
    assert wired.explanations.waiting("fraud") == len(planned) > 1001

    for chunk in chunks:
        run("explain", **chunk)
    assert wired.explanations.waiting("fraud") == len(planned) - 1001
    before = len(planned)
    for chunk in run("plan", "rest"):
        run("explain", "rest", **chunk)
    with pytest.raises(StepSkipped, match="is explained"):
        run("plan", "nothing")
    assert len(kept(wired)) == before


def test_a_prediction_that_is_logged_late_is_picked_and_none_is_picked_twice(
    wired: Context, run: Run, log: Logged, settings: Settings
) -> None:  # fmt: skip
    with psycopg.connect(settings.database_url, autocommit=True) as slow:
        with slow.transaction():
            late = log.ship(50, connection=slow)
            log.ship(100, seed=6)
            with pytest.raises(StepSkipped):
                run("plan", changed=ALL)
        assert len(run("plan", changed=ALL)) == 1
    assert len(kept(wired)) == 150
    assert set(late) <= set(kept(wired))
    wired.connection.execute("DELETE FROM explanations")
    with pytest.raises(StepSkipped):
        run("plan", changed=ALL)
    assert len(run("plan", select="all")) == 1, "a run with the param looks at all again"
    assert len(kept(wired)) == 150


def test_a_run_that_looks_at_all_again_takes_nothing_from_the_policy_and_is_not_summed_up(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    log.ship(1000)
    for chunk in run("plan"):
        run("explain", **chunk)
    _, before = wired.explanations.attributions("fraud", *day())[1]
    wired.connection.execute("UPDATE explanations SET status = 'FAILED', attempts = 3 WHERE prediction_id IN"
                             " (SELECT prediction_id FROM explanations LIMIT 7)")  # fmt: skip
    new = log.ship(500, seed=8)
    for number, chunk in enumerate(run("plan", "all", select="all")):
        assert run("explain", f"all-{number}", **chunk)["failed"] == 0
    found = kept(wired)
    assert len(found) == 1500
    assert {row["status"] for row in found.values()} == {"COMPLETED"}
    picked = sum(found[each]["share"] is not None for each in new)
    assert picked > 100, "what was new is picked by the policy all the same"
    _, after = wired.explanations.attributions("fraud", *day())[1]
    assert after.n == before.n + picked + 7
    assert after.w == pytest.approx(1500, rel=0.25)


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
    assert found[short]["error"] == "it has 2 features, and version 1 takes 18"
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


def day() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(days=1), now + timedelta(days=1)


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
        figures = check_drift("c", span, traffic, references, wired.use_case.policy)
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


def test_pictures_are_drawn_for_each_version_into_mlflow_once_an_hour(
    wired: Context, run: Run, log: Logged
) -> None:
    log.ship(400)
    log.ship(300, 2)
    for chunk in run("plan", changed=ALL):
        run("explain", **chunk)
    assert run("summarise")["drawn"] == [1, 2]
    again = run("summarise")
    assert (again["drawn"], again["counts"]) == ([], {"COMPLETED": 700})
    pictures = wired.artifacts.reports("explanations-v1-*.png")
    assert "explanations-v1-beeswarm.png" in pictures and len(pictures) == 5
    assert wired.artifacts.read_report(pictures[0]).startswith(b"\x89PNG")
    run_id = wired.models.get("fraud", 2).mlflow_run_id
    (folder,) = wired.registry._client.list_artifacts(run_id, "explanations")
    logged = {
        Path(item.path).name for item in wired.registry._client.list_artifacts(run_id, folder.path)
    }
    assert logged >= {"beeswarm.png"} and len(logged) == 5


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
    assert "what was spent, " in CliRunner().invoke(app.app, ["explain", str(one)]).output, (
        "in the words of its own contract"
    )
    assert "no prediction has the id" in str(
        CliRunner().invoke(app.app, ["explain", str(UUID(int=2**128 - 1))]).exception
    )
    unknown = CliRunner().invoke(
        app.app, ["explain", str(UUID(uuid7(int(time.time() * 1000), 1)[0]))]
    )
    assert "is logged" in str(unknown.exception)
    assert CliRunner().invoke(app.app, ["explain", str(uuid4())[:8]]).exit_code == 2
