"""The whole story, told by real HTTP and real DAG runs: every step is asserted, and nothing is said that was not seen."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.errors import StackError
from pipelines.records import Decision, LedgerEntry
from pipelines.rules.monitoring.drift_check import STEP_SHARE
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.steps.monitoring.wake_retraining import CAUSES
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import connect
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.ledger import Ledger
from pipelines.stores.metrics import MetricStore
from pipelines.use_case import read_contract, read_policy
from stack.airflow_client import Airflow
from stack.demo.shipped_baselines import SEED
from stack.demo.simulator import Transactions, World, simulate
from stack.demo.traffic import Plan, TrafficStream

USE_CASE = "fraud"
QUIET_ROWS, CALM_ROWS, SPIKE_ROWS = 3000, 6000, 600
CALM_RATE, BACKGROUND_RATE = 60.0, 150.0  # rows a second
SCORE_TOLERANCE = 1e-5


@dataclass
class Story:
    """What happened so far, a row per step."""

    console: Console
    begun: float
    steps: list[tuple[str, str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Tell one step; the block calls what it is given with what it saw, and raises when it did not hold."""
        started, seen = time.monotonic(), [""]
        with self.console.status(f"{title} …"):
            yield lambda what: seen.__setitem__(0, what)
        self.steps.append((title, seen[0], time.monotonic() - started))
        self.console.print(
            f"[green]✓[/] {time.monotonic() - self.begun:4.0f} s  {title}: {seen[0]}",
            soft_wrap=True,
        )

    def table(self) -> Table:
        """The story as a table."""
        table = Table(
            "step",
            "what was seen",
            "seconds",
            title="What was seen to hold",
            title_justify="left",
            box=None,
        )
        for title, seen, seconds in self.steps:
            table.add_row(title, seen, f"{seconds:.0f}")
        return table


class Demo:
    """The parts that the story talks to."""

    def __init__(self, settings: Settings, console: Console, begun: float | None = None) -> None:
        self.settings, self.story = settings, Story(console, begun or time.monotonic())
        self.contract: Contract = read_contract(settings.reference / USE_CASE)
        self.policy = read_policy(settings.reference / USE_CASE, settings.policy_overlay)
        self.airflow = Airflow(settings)
        self.http = httpx.Client(
            base_url=f"{settings.api_url}/v1/{USE_CASE}",
            headers={"X-API-Key": settings.api_key},
            timeout=20,
        )
        self.tag = f"-{int(time.time()):x}"
        before, self.attack = two_weeks(datetime.now(UTC))
        self.quiet, self.calm = (
            before.take(rows) for rows in np.split(np.arange(QUIET_ROWS + CALM_ROWS), [QUIET_ROWS])
        )

    def close(self) -> None:
        """Let go of the connections."""
        self.airflow.close()
        self.http.close()

    def run(self) -> None:
        """Tell the story; the first step that does not hold ends it with StackError."""
        first = self.first_model()
        self.quiet_traffic(first)
        self.quiet_check()
        self.spike()
        with self.sending(self.attack, BACKGROUND_RATE, coverage=0.7) as background:
            known = {dag: self.run_ids(dag) for dag in ("retraining", "promotion")}
            self.severe_alert()
            self.asset_wakes_retraining(known["retraining"])
            second = self.asset_wakes_promotion(known["promotion"])
            self.new_version_answers(first, second, background)
        self.no_request_failed(background, first, second)
        self.explanations(background)

    def first_model(self) -> int:
        """The DAG trains, gates and promotes a first model."""
        with self.story.step("the first model is trained, gated and promoted by the DAGs") as saw:
            known = self.run_ids("promotion")
            self.dag("retraining", {"reason": "demo: a first model"})
            decision = self.newest_decision()
            require(
                decision.verdict == "APPROVED",
                f"the first decision is {decision.verdict}: {decision.reason}",
            )
            self.finish_promotion(known)
            version = self.wait_for_version(decision.challenger_version)
            saw(f"decision {decision.id} {decision.verdict}, version {version} serves")
        return version

    def quiet_traffic(self, version: int) -> None:
        """Several thousand transactions like the baseline's are scored; part of them gets labels."""
        with self.story.step("transactions are scored over HTTP, part of them labelled") as saw:
            sent = self.traffic(
                self.quiet, Plan(batch=20, concurrency=4, coverage=0.6, tag=self.tag)
            ).run()
            require(
                not sent.failures,
                f"{len(sent.failures)} requests failed, first {sent.failures[:1]}",
            )
            require(
                sent.answered == len(self.quiet) and set(sent.versions) == {version},
                f"answers came from {sent.versions}",
            )
            self.wait_until_logged(sent.answered)
            saw(
                f"{sent.answered:,} answered by version {version} and logged, {sent.labelled:,} labelled"
            )

    def quiet_check(self) -> None:
        """A drift check on that traffic stays quiet."""
        with self.story.step("a drift check stays quiet") as saw:
            tasks = self.dag("drift_detection")
            alerts = self.open_alerts()
            require(
                tasks["wake_retraining"] == "skipped" and not alerts,
                f"it should be quiet: {tasks}, {alerts}",
            )
            saw("no alert")

    def spike(self) -> None:
        """A burst of the new pattern within one step of calm traffic: seen, but not severe once it has passed."""
        with (
            self.story.step("a spike passes, and wakes nobody") as saw,
            self.sending(self.calm, CALM_RATE, coverage=0.6),
        ):
            step, known = self.policy.drift.step.total_seconds(), self.run_ids("retraining")
            time.sleep(step - time.time() % step)
            burst = self.traffic(
                self.attack.take(np.arange(SPIKE_ROWS)),
                Plan(batch=20, coverage=0, tag=f"-spike{self.tag}"),
            ).run()
            require(
                not burst.failures,
                f"{len(burst.failures)} requests failed, first {burst.failures[:1]}",
            )
            time.sleep(self.policy.drift.severe.k * step + step - time.time() % step)
            tasks = self.dag("drift_detection")
            severe = [alert for alert in self.open_alerts() if alert.severity == "SEVERE"]
            require(
                not severe and tasks["wake_retraining"] == "skipped",
                f"it should wake nobody: {tasks}, {severe}",
            )
            require(self.run_ids("retraining") == known, "a retraining began")
            shares = ", ".join(f"{share:.0%}" for share in self.step_shares())
            saw(
                f"{burst.answered:,} odd transactions, shares of drifted features step by step: {shares}"
            )

    def severe_alert(self) -> None:
        """A new fraud pattern moves features and labels; after some steps a check calls it severe."""
        with self.story.step(
            "a new fraud pattern is switched on, and a drift check raises a severe alert"
        ) as saw:
            drift = self.policy.drift
            time.sleep((drift.severe.k + 1) * drift.step.total_seconds())
            for _ in range(4):
                tasks = self.dag("drift_detection")
                alerts = self.open_alerts()
                if tasks["wake_retraining"] == "success":
                    break
            severe = [alert for alert in alerts if alert.severity == "SEVERE"]
            require(bool(severe), f"no severe alert after 4 checks: {alerts}")
            saw(
                "; ".join(
                    f"{alert.severity}: {alert.message.partition(':')[0]}" for alert in severe
                )
            )

    def asset_wakes_retraining(self, known: set[str]) -> None:
        """The drift asset starts retraining, and six gates judge the challenger."""
        with self.story.step(
            "the drift asset wakes retraining, six gates judge the challenger"
        ) as saw:
            run = self.airflow.next_run(
                f"{USE_CASE}_retraining", run_type="asset_triggered", known=known
            )
            self.airflow.finish(f"{USE_CASE}_retraining", run)
            decision = self.decision_of(run)
            outcomes = {gate["name"]: gate["outcome"] for gate in decision.gates or []}
            require(decision.trigger == "DRIFT", f"the trigger is {decision.trigger}")
            require(
                decision.verdict == "APPROVED" and set(outcomes.values()) == {"PASS"},
                f"{decision.verdict}: {outcomes}",
            )
            passed = f"{len(outcomes)} of 6 gates passed on {decision.evidence_source} rows"
            saw(f"decision {decision.id} {decision.verdict}, {passed}")

    def asset_wakes_promotion(self, known: set[str]) -> int:
        """The candidate asset starts promotion."""
        with self.story.step("the candidate asset wakes promotion") as saw:
            self.finish_promotion(known)
            entry = self.ledger()[0]
            require(
                entry.state == "DONE", f"the ledger's newest entry is {entry.state}: {entry.reason}"
            )
            saw(f"version {entry.from_version} → {entry.to_version}, {entry.reason}")
        return entry.to_version

    def new_version_answers(self, first: int, second: int, background: TrafficStream) -> None:
        """The server answers with the new version."""
        with self.story.step("the server answers with the new version") as saw:
            self.wait_for_version(second)
            deadline = time.monotonic() + 20
            while not background.sent.versions[second]:
                require(time.monotonic() < deadline, f"no answer by version {second} within 20 s")
                time.sleep(0.1)
            saw(f"version {second}")

    def no_request_failed(self, background: TrafficStream, first: int, second: int) -> None:
        """The traffic that ran all along saw both versions and not one failure."""
        with self.story.step("background traffic saw not one failed request") as saw:
            sent = background.sent
            require(
                not sent.failures,
                f"{len(sent.failures)} requests failed, first {sent.failures[:1]}",
            )
            require(
                set(sent.versions) == {first, second},
                f"answers came from versions {dict(sent.versions)}",
            )
            parts = ", ".join(
                f"{n:,} by version {version}" for version, n in sorted(sent.versions.items())
            )
            saw(f"{sent.answered:,} answered: {parts}")

    def explanations(self, background: TrafficStream) -> None:
        """Logged transactions are explained, and the numbers add up."""
        with self.story.step("logged transactions are explained") as saw:
            tasks = self.dag("batch_explanation")
            flagged = background.sent.flagged[0]
            found = self.get(f"/predictions/{flagged}/explanation")
            score = self.get(f"/predictions/{flagged}")["score"]
            total = found["base_value"] + sum(
                part["contribution"] for part in found["contributions"]
            )
            difference = abs(1 / (1 + math.exp(-total)) - score)
            require(
                found["status"] == "COMPLETED" and difference < SCORE_TOLERANCE,
                f"{found} does not add up to {score}",
            )
            chunks = sum(name.startswith("explain") for name in tasks)
            top = found["contributions"][0]
            saw(
                f"{self.explained():,} in {chunks} chunks; {flagged[:8]}… scored {score:.2f}, most because of {top['feature']}"
            )

    def dag(self, kind: str, conf: dict[str, Any] | None = None) -> dict[str, str]:
        """Trigger a DAG by hand and wait for it."""
        dag_id = f"{USE_CASE}_{kind}"
        self.airflow.wait_for_dag(dag_id)
        return self.airflow.finish(dag_id, self.airflow.trigger(dag_id, conf))

    def finish_promotion(self, known: set[str]) -> None:
        """Wait for the promotion that the candidate asset starts."""
        run = self.airflow.next_run(
            f"{USE_CASE}_promotion", run_type="asset_triggered", known=known
        )
        self.airflow.finish(f"{USE_CASE}_promotion", run)

    def run_ids(self, kind: str) -> set[str]:
        """Runs of a DAG that are known by now."""
        self.airflow.wait_for_dag(f"{USE_CASE}_{kind}")
        return {run["dag_run_id"] for run in self.airflow.runs(f"{USE_CASE}_{kind}")}

    def traffic(self, transactions: Transactions, plan: Plan) -> TrafficStream:
        return TrafficStream(
            self.settings.api_url, self.settings.api_key, self.contract, transactions, plan
        )

    @contextmanager
    def sending(
        self, transactions: Transactions, rate: float, *, coverage: float
    ) -> Iterator[TrafficStream]:
        """Traffic in the background for as long as the block."""
        traffic = self.traffic(transactions, Plan(rate=rate, coverage=coverage, tag=self.tag))
        thread = threading.Thread(target=traffic.run, name="background traffic")
        thread.start()
        try:
            yield traffic
        finally:
            traffic.stop()
            thread.join()

    def wait_for_version(self, version: int | None) -> int:
        """Wait until the server says it serves a version."""
        deadline, found = time.monotonic() + 20, -1
        while found != version:
            require(
                time.monotonic() < deadline, f"the server serves {found} and not version {version}"
            )
            answer = self.http.get("/model")
            found = int(answer.json()["version"]) if answer.status_code == 200 else -1
            time.sleep(0.1)
        return found

    def wait_until_logged(self, n: int) -> None:
        """Wait until `n` predictions of this demo are in prediction_logs."""
        deadline, found = time.monotonic() + 20, 0
        with connect(self.settings, autocommit=True) as connection:
            while found < n:
                require(
                    time.monotonic() < deadline,
                    f"only {found} of {n} answered predictions are logged",
                )
                row = connection.execute(
                    "SELECT count(*) AS n FROM prediction_logs WHERE use_case = %s AND transaction_id LIKE %s",
                    (USE_CASE, f"%{self.tag}"),
                ).fetchone()
                found = row["n"] if row else 0
                time.sleep(0.1)

    def newest_decision(self) -> Decision:
        with connect(self.settings) as connection:
            return DecisionStore(connection).recent(USE_CASE, limit=1)[0]

    def decision_of(self, run_id: str) -> Decision:
        with connect(self.settings) as connection:
            return DecisionStore(connection).of_run(USE_CASE, run_id)

    def ledger(self) -> list[LedgerEntry]:
        with connect(self.settings) as connection:
            return Ledger(connection).recent(USE_CASE)

    def open_alerts(self) -> list[Any]:
        """Alerts that wake a retraining; the guard may see before that the champion no longer keeps its promise."""
        with connect(self.settings) as connection:
            recent = AlertStore(connection).recent(USE_CASE)
        return [alert for alert in recent if alert.cause in CAUSES and alert.state != "RESOLVED"]

    def step_shares(self) -> list[float]:
        """The share of drifted features in each step that the newest check looked at, oldest first."""
        with connect(self.settings) as connection:
            figures = MetricStore(connection).latest(USE_CASE)
        steps = sorted((m for m in figures if m.metric == STEP_SHARE), key=lambda m: m.window_end)
        return [m.value for m in steps if m.value is not None]

    def explained(self) -> int:
        with connect(self.settings) as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM explanations WHERE status = 'COMPLETED'"
            ).fetchone()
        return int(row["n"]) if row else 0

    def get(self, path: str) -> dict[str, Any]:
        answer = self.http.get(path)
        require(
            answer.status_code == 200,
            f"GET {path} answered {answer.status_code}: {answer.text[:300]}",
        )
        return dict(answer.json())


def two_weeks(now: datetime) -> tuple[Transactions, Transactions]:
    """A quiet and an attacked week, both whole weeks up to today, each in random order.

    Whole weeks in random order, because a few seconds of traffic must hold every hour and weekday as the baseline does.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, turn = today - timedelta(days=14), today - timedelta(days=7)
    world = World(seed=SEED, start=start, days=14, drift=frozenset({"attack"}), drift_from=turn)
    transactions = simulate(world)
    order = np.random.default_rng(SEED)
    before = np.flatnonzero(transactions.event_time < np.datetime64(turn.replace(tzinfo=None)))
    after = np.flatnonzero(transactions.event_time >= np.datetime64(turn.replace(tzinfo=None)))
    return transactions.take(order.permutation(before)), transactions.take(order.permutation(after))


def require(holds: bool, otherwise: str) -> None:
    """End the story when a step did not hold."""
    if not holds:
        raise StackError(f"demo: {otherwise}")
