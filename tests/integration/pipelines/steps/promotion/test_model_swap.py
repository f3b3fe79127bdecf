"""Promotions by the real step, on a real MLflow and under load, while things break."""

import getpass
import json
import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.context import context
from pipelines.errors import PromotionBusy, PromotionRefused
from pipelines.settings import Settings
from pipelines.steps import perform
from pipelines.steps.promotion import model_swap
from tests.integration.candidates import Lifecycle
from tests.integration.server import Database, Server, Traffic, logged, open_alerts, report, until
from tests.thoroughness import THOROUGH


@pytest.fixture(scope="module")
def lifecycle(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Lifecycle]:
    """Version 1 is in Production, and MLflow runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        made_lifecycle = Lifecycle(tmp_path_factory.mktemp("lifecycle"), database_url)
        for name, value in made_lifecycle.account.items():
            patch.setenv(name, value)
        made_lifecycle.start_mlflow()
        decision, _ = made_lifecycle.candidate("first", bias=-2)
        assert made_lifecycle.promote(decision) == "DONE"
        yield made_lifecycle
        made_lifecycle.stop_mlflow()


@pytest.fixture
def server(tmp_path: Path, database_url: str, lifecycle: Lifecycle) -> Iterator[Server]:
    started = Server(tmp_path, database_url, lifecycle.mlflow_uri)
    started.start()
    yield started
    started.end(signal.SIGKILL)
    started.client.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def all_logged(database: Database, traffic: Traffic) -> bool:
    ids = [answer["prediction_id"] for answer in traffic.answered]
    assert len(set(ids)) == len(ids) > 0
    until(lambda: logged(database, ids) == len(ids), "everything that was answered is logged")
    return True


def test_a_registry_that_is_down_stops_a_promotion_and_nothing_else(
    server: Server, lifecycle: Lifecycle, database: Database
) -> None:
    before = server.version
    decision, version = lifecycle.candidate("while-down", bias=1)
    with Traffic(server, pause=0.005) as traffic:
        until(lambda: len(traffic.answered) > 50, "traffic is under way")
        lifecycle.stop_mlflow()
        with pytest.raises(Exception, match=r"Max retries exceeded|Connection refused"):
            lifecycle.promote(decision)
        assert lifecycle.states(decision) == ["INTENDED"]
        until(
            lambda: "registry is not reachable" in (report(server, database, "error") or ""),
            "the replica says what is missing",
        )
        assert server.version == before
        lifecycle.start_mlflow()
        assert lifecycle.promote(decision) == "DONE"
        until(lambda: traffic.answered[-1]["model_version"] == version, "the new version answers")
    assert traffic.refused == [] and all_logged(database, traffic)
    assert lifecycle.states(decision) == ["INTENDED", "DONE"]
    assert lifecycle.production() == version


def test_a_start_while_the_registry_is_down_serves_what_served_last(
    server: Server, lifecycle: Lifecycle, database: Database
) -> None:
    before = server.version
    server.end()
    lifecycle.stop_mlflow()
    server.start()
    assert server.version == before
    ids = [server.predict()["prediction_id"] for _ in range(5)]
    until(lambda: logged(database, ids) == 5, "answers are logged")
    lifecycle.start_mlflow()
    until(lambda: report(server, database, "error") is None, "the model is confirmed", seconds=40)


def test_two_promotions_in_a_row_end_with_the_second_and_of_two_at_once_one_is_refused(
    server: Server, lifecycle: Lifecycle, database: Database
) -> None:
    with Traffic(server, pause=0.005) as traffic:
        until(lambda: len(traffic.answered) > 50, "traffic is under way")
        for run_id in ("third", "fourth"):
            decision, version = lifecycle.candidate(run_id, bias=0.5)
            assert lifecycle.promote(decision) == "DONE"
        assert lifecycle.production() == version
        until(lambda: traffic.answered[-1]["model_version"] == version, "the second one answers")

        older, _ = lifecycle.candidate("older", bias=-1)
        newer, version = lifecycle.candidate("newer", bias=0.7)
        with ThreadPoolExecutor(2) as both:
            outcomes = [both.submit(lifecycle.promote, decision) for decision in (older, newer)]
        assert isinstance(outcomes[0].exception(), PromotionRefused)
        assert outcomes[1].result() == "DONE"
        until(lambda: traffic.answered[-1]["model_version"] == version, "the newer one answers")
    assert traffic.refused == [] and all_logged(database, traffic)
    assert lifecycle.production() == version


def test_a_promotion_resolves_the_alerts_about_the_former_model_once(
    server: Server, lifecycle: Lifecycle, database: Database
) -> None:
    former = lifecycle.production()
    about_former = lifecycle.alert_about(former)
    about_traffic = lifecycle.alert_about(None)
    decision, version = lifecycle.candidate("next", bias=-2.5)
    assert lifecycle.resolution(about_former) is None
    assert lifecycle.promote(decision) == "DONE"
    reason = f"version {version} replaced version {former} (decision {decision})"
    assert lifecycle.resolution(about_former) == reason
    assert lifecycle.resolution(about_traffic) is None, "it is not about a model"
    ended = "SELECT resolved_at FROM monitoring_alerts WHERE id = %s"
    before = database.execute(ended, (about_former,)).fetchone()
    late = lifecycle.alert_about(former)  # as a check raises it that began before the promotion
    assert lifecycle.promote(decision) == "DONE"
    assert lifecycle.resolution(late) == reason, "the repeated step ends it"
    assert database.execute(ended, (about_former,)).fetchone() == before


def test_a_refused_promotion_resolves_no_alert(server: Server, lifecycle: Lifecycle) -> None:
    alert = lifecycle.alert_about(lifecycle.production())
    refused, _ = lifecycle.candidate("refused", bias=-2.6)
    lifecycle.candidate("approved-later", bias=-2.7)
    with pytest.raises(PromotionRefused):
        lifecycle.promote(refused)
    assert lifecycle.resolution(alert) is None


def test_a_lock_that_somebody_holds_is_waited_for_and_then_its_holder_is_named(
    server: Server, lifecycle: Lifecycle, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_swap, "_lock_timeout", lambda context: timedelta(seconds=0.5))
    before = lifecycle.production()
    decision, version = lifecycle.candidate("held", bias=0.6)
    with (
        lifecycle.step("holder") as holder,
        holder.ledger.locked("fraud", within=timedelta(seconds=5)),
    ):
        pid = holder.ledger._connection.info.backend_pid
        with pytest.raises(PromotionBusy, match=f"gave it to process {pid} of role"):
            lifecycle.promote(decision)
    assert lifecycle.states(decision) == []
    assert (lifecycle.alias(), lifecycle.production()) == (before, before)
    assert lifecycle.promote(decision) == "DONE"
    assert lifecycle.production() == version
    with (
        lifecycle.step("after") as wired,
        wired.ledger.locked("fraud", within=timedelta(seconds=5)),
    ):
        assert wired.ledger._connection.execute("SHOW lock_timeout").fetchone() == {
            "lock_timeout": "0"
        }


def test_an_artefact_that_is_corrupt_behind_the_alias_never_serves_and_is_taken_back(
    server: Server, lifecycle: Lifecycle, database: Database
) -> None:
    before = server.version
    decision, version = lifecycle.candidate("corrupt", bias=2)
    with Traffic(server, pause=0.005) as traffic:
        until(lambda: len(traffic.answered) > 50, "traffic is under way")
        newest = max(
            lifecycle.mlflow_home.rglob("model.onnx"), key=lambda path: path.stat().st_mtime_ns
        )
        spoiled = bytearray(newest.read_bytes())
        spoiled[len(spoiled) // 2] ^= 1
        newest.write_bytes(spoiled)
        with ThreadPoolExecutor(1) as beside:
            promoted = beside.submit(lifecycle.promote, decision)
            until(lambda: open_alerts(database, "model_refused") == 1, "an alert is open")
        with pytest.raises(PromotionRefused, match=f"version {version} was rolled back.*digest"):
            promoted.result()
        until(lambda: open_alerts(database, "model_refused") == 0, "the alert is resolved")
        assert {answer["model_version"] for answer in traffic.answered} == {before}
    assert traffic.refused == [] and all_logged(database, traffic)
    assert lifecycle.states(decision) == ["INTENDED", "ROLLED_BACK"]
    assert lifecycle.production() == server.version == before


def test_going_back_costs_no_request_and_what_was_taken_away_stays_away(
    server: Server, lifecycle: Lifecycle, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lifecycle.production()
    decision, bad = lifecycle.candidate("bad", bias=1.5)
    assert lifecycle.promote(decision) == "DONE"
    about_bad = lifecycle.alert_about(bad)
    about_traffic = lifecycle.alert_about(None)
    monkeypatch.setenv("SIXGATE_DATABASE_URL", lifecycle.settings.database_url)
    monkeypatch.setenv("SIXGATE_HOME", str(lifecycle.settings.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", lifecycle.mlflow_uri)
    with Traffic(server, pause=0.005) as traffic:
        until(
            lambda: traffic.answered and traffic.answered[-1]["model_version"] == bad,
            "the bad one answers",
        )
        done = CliRunner().invoke(app.app, ["rollback", "--reason", "it misses half", "--json"])
        assert done.exit_code == 0, done.output
        until(lambda: traffic.answered[-1]["model_version"] == before, "the good one answers again")
    assert traffic.refused == [] and all_logged(database, traffic)
    found = json.loads(done.output.splitlines()[-1])
    assert (found["from_version"], found["version"], found["state"]) == (bad, before, "DONE")
    assert found["replicas"] == "acknowledged by 1 replica"
    assert lifecycle.production() == before
    assert lifecycle.resolution(about_bad) == (
        f"version {before} replaced version {bad} (rollback by {getpass.getuser()})"
    )
    assert lifecycle.resolution(about_traffic) is None
    with lifecycle.step("looking") as wired:
        newest = wired.ledger.recent("fraud")[0]
        assert (newest.action, newest.state, newest.actor) == (
            "ROLLBACK",
            "DONE",
            getpass.getuser(),
        )
        assert newest.reason == "it misses half; acknowledged by 1 replica"
        assert (
            wired.registry._client.get_model_version("fraud", str(bad)).tags["stage"] == "archived"
        )
    for version, words in (
        (bad, "was rolled back before"),
        (before, "is Production already"),
        (999, "was never Production"),
    ):
        with (
            lifecycle.step("back", version=version) as wired,
            pytest.raises(PromotionRefused, match=words),
        ):
            perform("select_rollback", wired)


KILLS = 50 if THOROUGH else 12


def carry_out(settings: Settings, decision: int) -> None:
    """The promote step in a process of its own, which will not live to its end."""
    perform(
        "promote",
        context(
            settings,
            "fraud",
            f"promotion-{decision}",
            datetime.now(UTC),
            params={"decision_id": decision},
        ),
    )


def test_each_kill_of_the_promote_step_leaves_one_production(
    server: Server, lifecycle: Lifecycle
) -> None:
    """Killed at random moments, run again: the old model or the new one serves, never none, and the retry repairs the rest."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        ["pipelines.steps.promotion.promote", "pipelines.stores.model_registry"]
    )
    for number in range(2):  # the first one also starts the server that forks
        decision, _ = lifecycle.candidate(f"whole-{number}", bias=-3 - 0.01 * number)
        process = processes.Process(target=carry_out, args=(lifecycle.settings, decision))
        began = time.monotonic()
        process.start()
        process.join()
        took = time.monotonic() - began
        assert lifecycle.states(decision) == ["INTENDED", "DONE"]
    moments = random.Random(7)
    cut = 0
    for number in range(KILLS):
        before = lifecycle.production()
        decision, version = lifecycle.candidate(f"kill-{number}", bias=-2 + 0.01 * number)
        alert = lifecycle.alert_about(before)
        process = processes.Process(target=carry_out, args=(lifecycle.settings, decision))
        process.start()
        process.join(moments.uniform(0, took))
        process.kill()
        process.join()
        states, alias = lifecycle.states(decision), lifecycle.alias()
        assert alias in (before, version)
        assert alias == before or states, "the alias moves only after the ledger said so"
        assert server.version in (before, version)
        if alias == before:
            assert server.version == before
        resolved = lifecycle.resolution(alert) is not None
        assert resolved == ("DONE" in states), "the alert ends with the promotion, or not at all"
        cut += states == ["INTENDED"]
        assert lifecycle.promote(decision) == "DONE"
        reason = f"version {version} replaced version {before} (decision {decision})"
        assert lifecycle.resolution(alert) == reason
        assert lifecycle.production() == version
        assert lifecycle.states(decision) == ["INTENDED", "DONE"]
        until(lambda version=version: server.version == version, "the new version serves")
    assert cut >= KILLS // 10, (
        f"only {cut} of {KILLS} kills came between the first and the last word"
    )
