"""Walk through the model lifecycle on a running stack, with real HTTP requests and DAG runs.

The result of every step is checked; the first check that fails ends the demo.
"""

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
from pipelines.records import Alert, Decision, LedgerEntry
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
from stack.demo.simulator import DEFAULT, Transactions, World, profile_of, simulate
from stack.demo.traffic import Plan, Sent, TrafficStream

QUIET_ROWS = 3000
CALM_ROWS = 6000
SPIKE_ROWS = 600
CALM_RATE = 60.0  # rows per second
BACKGROUND_RATE = 150.0  # rows per second
SCORE_TOLERANCE = 1e-5
WAIT_SECONDS = 20


@dataclass(frozen=True)
class StepResult:
    """One finished step of the demo."""

    title: str
    result: str
    seconds: float


@dataclass
class StepLog:
    """The finished steps of the demo, printed as they finish."""

    console: Console
    start: float
    steps: list[StepResult] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Run one step; the block passes its result to the function that this yields."""
        start = time.monotonic()
        results: list[str] = []
        with self.console.status(f"{title} …"):
            yield results.append
        now = time.monotonic()
        step = StepResult(title, "".join(results), now - start)
        self.steps.append(step)
        line = f"[green]✓[/] {now - self.start:4.0f} s  {title}: {step.result}"
        self.console.print(line, soft_wrap=True)

    def table(self) -> Table:
        """Return the steps as a table."""
        table = Table(
            "step",
            "result",
            "seconds",
            title="The demo, step by step",
            title_justify="left",
            box=None,
        )
        for step in self.steps:
            table.add_row(step.title, step.result, f"{step.seconds:.0f}")
        return table


class Demo:
    """The demo of one use case on one running stack, and its clients.

    These are of Airflow and of the scoring server.
    """

    def __init__(
        self,
        settings: Settings,
        console: Console,
        start: float | None = None,
        use_case: str = DEFAULT,
    ) -> None:
        self.settings = settings
        self.use_case = use_case
        self.profile = profile_of(use_case)
        self.log = StepLog(console, start or time.monotonic())
        self.contract: Contract = read_contract(settings.reference / use_case)
        self.policy = read_policy(settings.reference / use_case, settings.policy_overlay)
        self.airflow = Airflow(settings)
        self.http = httpx.Client(
            base_url=f"{settings.api_url}/v1/{self.use_case}",
            headers={"X-API-Key": settings.api_key},
            timeout=20,
        )
        self.tag = f"-{int(time.time()):x}"
        before, self.attack = two_weeks(datetime.now(UTC), use_case)
        self.quiet = before.take(np.arange(QUIET_ROWS))
        self.calm = before.take(np.arange(QUIET_ROWS, QUIET_ROWS + CALM_ROWS))

    def close(self) -> None:
        """Close the connections."""
        self.airflow.close()
        self.http.close()

    def run(self) -> None:
        """Run all steps; StackError when a check fails."""
        first = self.first_model()
        self.traffic_without_drift(first)
        self.check_without_drift()
        self.spike()
        with self.sending(self.attack, BACKGROUND_RATE, coverage=0.7) as background:
            retrainings = self.run_ids("retraining")
            promotions = self.run_ids("promotion")
            self.severe_alert()
            self.asset_triggers_retraining(retrainings)
            second = self.asset_triggers_promotion(promotions)
            self.new_version_answers(second, background)
            self.alerts_end(first, second)
        self.no_request_failed(background, first, second)
        self.explanations(background)

    def first_model(self) -> int:
        """The DAGs train, judge and promote a first model; return its version."""
        with self.log.step("the DAGs train, validate and promote a first model") as result:
            earlier = self.run_ids("promotion")
            self.dag("retraining", {"reason": "demo: a first model", "reference": True})
            decision = self.newest_decision()
            require(
                decision.verdict == "APPROVED",
                f"the first decision is {decision.verdict}: {decision.reason}",
            )
            self.finish_promotion(earlier)
            version = self.wait_for_version(decision.challenger_version)
            result(f"decision {decision.id} {decision.verdict}, version {version} is served")
        return version

    def traffic_without_drift(self, version: int) -> None:
        """Score 3,000 transactions like those of the baseline; some of them get labels."""
        with self.log.step("transactions are scored over HTTP, some get labels") as result:
            plan = Plan(batch=20, concurrency=4, coverage=0.6, tag=self.tag)
            sent = self.traffic(self.quiet, plan).run()
            require_no_failures(sent)
            require(
                sent.answered == len(self.quiet) and set(sent.versions) == {version},
                f"predictions came from versions {dict(sent.versions)}",
            )
            self.wait_until_logged(sent.answered)
            result(
                f"{sent.answered:,} scored by version {version} and logged, "
                f"{sent.labelled:,} labelled"
            )

    def check_without_drift(self) -> None:
        """A drift check on that traffic opens no alert."""
        with self.log.step("a drift check opens no alert") as result:
            tasks = self.dag("drift_detection")
            alerts = self.open_alerts()
            require(
                tasks["wake_retraining"] == "skipped" and not alerts,
                f"there should be no alert: {tasks}, {alerts}",
            )
            result("no alert")

    def spike(self) -> None:
        """Send a burst of the new pattern within one bucket of calm traffic.

        It is drift in that bucket, but not severe drift once it is over.
        """
        with (
            self.log.step("a short spike of drift starts no retraining") as result,
            self.sending(self.calm, CALM_RATE, coverage=0.6),
        ):
            bucket = self.policy.drift.step.total_seconds()
            earlier = self.run_ids("retraining")
            sleep_until_next(bucket)
            plan = Plan(batch=20, coverage=0, tag=f"-spike{self.tag}")
            burst = self.traffic(self.attack.take(np.arange(SPIKE_ROWS)), plan).run()
            require_no_failures(burst)
            time.sleep(self.policy.drift.severe.k * bucket)
            sleep_until_next(bucket)
            tasks = self.dag("drift_detection")
            severe = [alert for alert in self.open_alerts() if alert.severity == "SEVERE"]
            require(
                not severe and tasks["wake_retraining"] == "skipped",
                f"no severe alert is expected: {tasks}, {severe}",
            )
            require(self.run_ids("retraining") == earlier, "a retraining was started")
            shares = ", ".join(f"{share:.0%}" for share in self.drifted_shares())
            result(
                f"{burst.answered:,} unusual transactions, "
                f"shares of drifted features by bucket: {shares}"
            )

    def severe_alert(self) -> None:
        """A new pattern changes features and labels; a drift check opens a severe alert."""
        title = f"{self.profile.new_pattern}, a drift check opens a SEVERE alert"
        with self.log.step(title) as result:
            drift = self.policy.drift
            time.sleep((drift.severe.k + 1) * drift.step.total_seconds())
            for _ in range(4):
                tasks = self.dag("drift_detection")
                alerts = self.open_alerts()
                if tasks["wake_retraining"] == "success":
                    break
            severe = [alert for alert in alerts if alert.severity == "SEVERE"]
            require(bool(severe), f"no severe alert after 4 drift checks: {alerts}")
            summaries = (alert.message.partition(":")[0] for alert in severe)
            result("; ".join(f"SEVERE: {summary}" for summary in summaries))

    def asset_triggers_retraining(self, earlier: set[str]) -> None:
        """The drift asset triggers retraining, and the challenger passes the six gates."""
        title = "the drift asset triggers retraining, six gates judge the challenger"
        with self.log.step(title) as result:
            dag_id = f"{self.use_case}_retraining"
            run = self.airflow.next_run(dag_id, run_type="asset_triggered", earlier=earlier)
            self.airflow.finish(dag_id, run)
            decision = self.decision_of(run)
            outcomes = {gate["name"]: gate["outcome"] for gate in decision.gates or []}
            require(decision.trigger == "DRIFT", f"the trigger is {decision.trigger}")
            require(
                decision.verdict == "APPROVED" and set(outcomes.values()) == {"PASS"},
                f"{decision.verdict}: {outcomes}",
            )
            passed = f"{len(outcomes)} of 6 gates passed on {decision.evidence_source} rows"
            result(f"decision {decision.id} {decision.verdict}, {passed}")

    def asset_triggers_promotion(self, earlier: set[str]) -> int:
        """The candidate asset triggers promotion; return the version that it promotes."""
        with self.log.step("the candidate asset triggers promotion") as result:
            self.finish_promotion(earlier)
            entry = self.ledger()[0]
            require(
                entry.state == "DONE",
                f"the ledger's newest entry is {entry.state}: {entry.reason}",
            )
            result(f"version {entry.from_version} → {entry.to_version}, {entry.reason}")
        return entry.to_version

    def new_version_answers(self, version: int, background: TrafficStream) -> None:
        """The server scores the background traffic with the new version."""
        with self.log.step("the server scores with the new version") as result:
            self.wait_for_version(version)
            deadline = time.monotonic() + WAIT_SECONDS
            while not background.sent.versions[version]:
                require(
                    time.monotonic() < deadline,
                    f"no prediction by version {version} within {WAIT_SECONDS} s",
                )
                time.sleep(0.1)
            result(f"version {version}")

    def alerts_end(self, former: int, version: int) -> None:
        """The promotion resolved the alerts about the former version, and none is open."""
        title = "the alerts are resolved with the reason, a drift check opens none"
        with self.log.step(title) as result:
            tasks = self.dag("drift_detection")
            recent = self.alerts()
            still_open = [alert for alert in recent if alert.state != "RESOLVED"]
            require(not still_open, f"no alert should be open: {tasks}, {still_open}")
            reason = f"version {version} replaced version {former}"
            ended = [alert for alert in recent if (alert.resolution or "").startswith(reason)]
            require(bool(ended), f"no alert was resolved because {reason}: {recent}")
            causes = ", ".join(sorted(alert.cause for alert in ended))
            result(f"{causes}: {ended[0].resolution}")

    def no_request_failed(self, background: TrafficStream, first: int, second: int) -> None:
        """The background traffic was scored by both versions, without a failed request."""
        with self.log.step("no request of the background traffic failed") as result:
            sent = background.sent
            require_no_failures(sent)
            require(
                set(sent.versions) == {first, second},
                f"predictions came from versions {dict(sent.versions)}",
            )
            parts = ", ".join(
                f"{count:,} by version {version}"
                for version, count in sorted(sent.versions.items())
            )
            result(f"{sent.answered:,} scored: {parts}")

    def explanations(self, background: TrafficStream) -> None:
        """Logged predictions are explained, and contributions add up to the score."""
        with self.log.step("logged predictions are explained") as result:
            tasks = self.dag("batch_explanation")
            prediction_id = background.sent.flagged[0]
            explanation = self.get(f"/predictions/{prediction_id}/explanation")
            score = self.get(f"/predictions/{prediction_id}")["score"]
            contributions = explanation["contributions"]
            log_odds = explanation["base_value"] + sum(
                part["contribution"] for part in contributions
            )
            difference = abs(1 / (1 + math.exp(-log_odds)) - score)
            require(
                explanation["status"] == "COMPLETED" and difference < SCORE_TOLERANCE,
                f"{explanation} does not add up to {score}",
            )
            chunks = sum(name.startswith("explain") for name in tasks)
            result(
                f"{self.explained():,} in {chunks} chunks; {prediction_id[:8]}… has score "
                f"{score:.2f}, the largest contribution is that of {contributions[0]['feature']}"
            )

    def dag(self, kind: str, conf: dict[str, Any] | None = None) -> dict[str, str]:
        """Trigger a DAG, wait until it has finished, and return its tasks' states."""
        dag_id = f"{self.use_case}_{kind}"
        self.airflow.wait_for_dag(dag_id)
        return self.airflow.finish(dag_id, self.airflow.trigger(dag_id, conf))

    def finish_promotion(self, earlier: set[str]) -> None:
        """Wait until the promotion that the candidate asset triggers has finished."""
        dag_id = f"{self.use_case}_promotion"
        run = self.airflow.next_run(dag_id, run_type="asset_triggered", earlier=earlier)
        self.airflow.finish(dag_id, run)

    def run_ids(self, kind: str) -> set[str]:
        """Return the ids of a DAG's newest runs."""
        dag_id = f"{self.use_case}_{kind}"
        self.airflow.wait_for_dag(dag_id)
        return {run["dag_run_id"] for run in self.airflow.runs(dag_id)}

    def traffic(self, transactions: Transactions, plan: Plan) -> TrafficStream:
        """Return traffic to the scoring server that is not yet sent."""
        return TrafficStream(
            url=self.settings.api_url,
            api_key=self.settings.api_key,
            contract=self.contract,
            transactions=transactions,
            plan=plan,
        )

    @contextmanager
    def sending(
        self, transactions: Transactions, rate: float, *, coverage: float
    ) -> Iterator[TrafficStream]:
        """Send traffic in the background until the end of the block."""
        traffic = self.traffic(transactions, Plan(rate=rate, coverage=coverage, tag=self.tag))
        thread = threading.Thread(target=traffic.run, name="background traffic")
        thread.start()
        try:
            yield traffic
        finally:
            traffic.stop()
            thread.join()

    def wait_for_version(self, version: int | None) -> int:
        """Wait until the server serves a version, and return it."""
        deadline = time.monotonic() + WAIT_SECONDS
        served = -1
        while served != version:
            require(
                time.monotonic() < deadline,
                f"the server serves version {served} and not version {version}",
            )
            response = self.http.get("/model")
            served = int(response.json()["version"]) if response.status_code == 200 else -1
            time.sleep(0.1)
        return served

    def wait_until_logged(self, expected: int) -> None:
        """Wait until that many predictions of this demo are in prediction_logs."""
        deadline = time.monotonic() + WAIT_SECONDS
        logged = 0
        with connect(self.settings, autocommit=True) as connection:
            while logged < expected:
                require(
                    time.monotonic() < deadline,
                    f"only {logged} of {expected} predictions are logged",
                )
                row = connection.execute(
                    "SELECT count(*) AS n FROM prediction_logs"
                    " WHERE use_case = %s AND transaction_id LIKE %s",
                    (self.use_case, f"%{self.tag}"),
                ).fetchone()
                logged = row["n"] if row else 0
                time.sleep(0.1)

    def newest_decision(self) -> Decision:
        """Return the newest decision of the use case."""
        with connect(self.settings) as connection:
            return DecisionStore(connection).recent(self.use_case, limit=1)[0]

    def decision_of(self, run_id: str) -> Decision:
        """Return the decision of a retraining run."""
        with connect(self.settings) as connection:
            return DecisionStore(connection).of_run(self.use_case, run_id)

    def ledger(self) -> list[LedgerEntry]:
        """Return the use case's promotions and rollbacks, newest first."""
        with connect(self.settings) as connection:
            return Ledger(connection).recent(self.use_case)

    def alerts(self) -> list[Alert]:
        """Return the newest alerts in any state."""
        with connect(self.settings) as connection:
            return AlertStore(connection).recent(self.use_case)

    def open_alerts(self) -> list[Alert]:
        """Return the open alerts that trigger a retraining.

        The champion guard may open another alert before.
        """
        recent = self.alerts()
        return [alert for alert in recent if alert.cause in CAUSES and alert.state != "RESOLVED"]

    def drifted_shares(self) -> list[float]:
        """Return the share of drifted features by bucket of the newest check, oldest first."""
        with connect(self.settings) as connection:
            metrics = MetricStore(connection).latest(self.use_case)
        shares = [metric for metric in metrics if metric.metric == STEP_SHARE]
        shares.sort(key=lambda metric: metric.window_end)
        return [metric.value for metric in shares if metric.value is not None]

    def explained(self) -> int:
        """Return the number of explained predictions."""
        query = (
            "SELECT count(*) AS n FROM explanations WHERE use_case = %s AND status = 'COMPLETED'"
        )
        with connect(self.settings) as connection:
            row = connection.execute(query, (self.use_case,)).fetchone()
        return int(row["n"]) if row else 0

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON body of a GET request to the scoring server."""
        response = self.http.get(path)
        require(
            response.status_code == 200,
            f"GET {path} returned {response.status_code}: {response.text[:300]}",
        )
        return dict(response.json())


def two_weeks(now: datetime, use_case: str = DEFAULT) -> tuple[Transactions, Transactions]:
    """Return a week without drift and a week of the attack, both whole weeks up to today.

    Each is in random order, because a few seconds of traffic must contain every hour and weekday as
    the baseline does.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=14)
    attack_start = today - timedelta(days=7)
    world = World(
        seed=SEED,
        start=start,
        days=14,
        drift=frozenset({"attack"}),
        drift_from=attack_start,
    )
    transactions = simulate(world, use_case)
    order = np.random.default_rng(SEED)
    attacked = transactions.event_time >= np.datetime64(attack_start.replace(tzinfo=None))
    before = order.permutation(np.flatnonzero(~attacked))
    after = order.permutation(np.flatnonzero(attacked))
    return transactions.take(before), transactions.take(after)


def sleep_until_next(seconds: float) -> None:
    """Sleep until the clock reaches the next multiple of `seconds`."""
    time.sleep(seconds - time.time() % seconds)


def require_no_failures(sent: Sent) -> None:
    """End the demo when a request failed."""
    failures = sent.failures
    require(not failures, f"{len(failures)} requests failed, first {failures[:1]}")


def require(holds: bool, otherwise: str) -> None:
    """End the demo with StackError when a check failed."""
    if not holds:
        raise StackError(f"demo: {otherwise}")
