"""Pauses and kills at random: every approved decision ends, with a reason, after two checks.

The stores, the steps, PostgreSQL and MLflow are real. Airflow is a model of what matters here: a
paused DAG drops the asset and stops its runs, and a process may be killed in any call of a store.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.context import Context, context
from pipelines.errors import PromotionRefused, StepSkipped
from pipelines.rules.promotion.eligibility import promotion_id
from pipelines.rules.promotion.ledger import champion
from pipelines.steps import perform
from tests.integration.candidates import Lifecycle
from tests.thoroughness import THOROUGH

SCHEDULES = 200 if THOROUGH else 20
VERSIONS = 6


class Killed(BaseException):
    """The process ended here."""


class Fragile:
    """A store in whose n-th call, counted over all stores of a step, the process is killed."""

    def __init__(self, store: Any, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.burn()
            result = method(*arguments, **named)
            self._fuse.burn()
            return result

        return call


@dataclass
class Fuse:
    """Kills the process when it has burnt down; None never does."""

    calls: int | None

    def burn(self) -> None:
        if self.calls is None:
            return
        self.calls -= 1
        if self.calls < 0:
            raise Killed


@dataclass
class PromotionRun:
    """A run of the promotion DAG: the next task, and what its first task returned."""

    id: str
    task: str = "needs_review"
    decision: int | None = None
    evidence_hash: str | None = None


@dataclass
class Airflow:
    """The promotion DAG of Airflow, as far as pauses and kills concern it."""

    lifecycle: Lifecycle
    random: random.Random
    name: str
    paused: bool = False
    runs: list[PromotionRun] = field(default_factory=list)
    begun: int = 0

    def emit(self) -> None:
        """The candidate asset: it begins a run, and is dropped while the DAG is paused."""
        if not self.paused:
            self.begun += 1
            self.runs.append(PromotionRun(f"{self.name} run {self.begun}"))

    def advance(self, run: PromotionRun, *, may_kill: bool) -> None:
        """Run the next task of a run; a kill, a skip and an error end the run."""
        calls = self.random.randint(0, 25) if may_kill and self.random.random() < 0.5 else None
        try:
            self._task(run, calls)
        except (Killed, StepSkipped, PromotionRefused):
            self.runs.remove(run)

    def _task(self, run: PromotionRun, calls: int | None) -> None:
        params: dict[str, Any] = {}
        if run.task == "review":
            approved = self.random.random() < 0.6
            params = {"decision_id": run.decision, "approved": approved, "reviewer": "ana"}
        if run.task == "promote":
            params = {"decision_id": run.decision, "evidence_hash": run.evidence_hash}
        with step(self.lifecycle, run.id, params, calls) as wired:
            result = perform(run.task, wired)
        if run.task == "promote":
            self.runs.remove(run)
        elif run.task == "review":
            run.task = "promote"
        else:
            run.decision = result["decision_id"]
            run.evidence_hash = result["evidence_hash"]
            run.task = "review" if result["next"] == "review" else "promote"

    def check(self) -> None:
        """The drift check's task, and what its operator asks Airflow."""
        now = datetime.now(UTC) + timedelta(hours=1)
        with contextlib.suppress(StepSkipped):
            with step(self.lifecycle, f"{self.name} check", {}, None, as_of=now) as wired:
                found = perform("resume_promotion", wired)["decisions"]
            ids = [run.id for run in self.runs]
            params = {
                "paused": self.paused,
                "active": [each["id"] for each in found if set(each["runs"]) & set(ids)],
                "unbound": any(run.decision is None for run in self.runs),
            }
            with step(self.lifecycle, f"{self.name} check", params, None, as_of=now) as wired:
                perform("resume_promotion", wired)
            self.emit()


@contextlib.contextmanager
def step(
    lifecycle: Lifecycle,
    run_id: str,
    params: dict[str, Any],
    calls: int | None,
    as_of: datetime | None = None,
) -> Iterator[Context]:
    wired = context(lifecycle.settings, "fraud", run_id, as_of or datetime.now(UTC), params=params)
    fuse = Fuse(calls)
    if calls is not None:
        for name in ("decisions", "ledger", "registry", "models", "alerts"):
            wired.__dict__[name] = Fragile(getattr(wired, name), fuse)
    try:
        yield wired
    finally:
        wired.close()


@pytest.fixture(scope="module")
def lifecycle(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Lifecycle]:
    made = Lifecycle(tmp_path_factory.mktemp("lifecycle"), database_url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.account.items():
            patch.setenv(name, value)
        made.start_mlflow()
        yield made
        made.stop_mlflow()


@pytest.fixture(scope="module")
def versions(lifecycle: Lifecycle) -> list[int]:
    """Registered versions, the last of which is Production."""
    made = [lifecycle.candidate(f"made {n}", bias=n / 10) for n in range(VERSIONS)]
    assert lifecycle.promote(made[-1][0]) == "DONE"
    return [version for _, version in made]


def approve(lifecycle: Lifecycle, run_id: str, version: int, *, review: bool) -> int:
    """Approve a version against today's champion, as a retraining run does."""
    with lifecycle.step(run_id) as wired:
        now = champion(wired.ledger.recent("fraud"))
        wired.decisions.open(
            "fraud", run_id, trigger="MANUAL", requested_by=None, reason=None,
            params={"require_review": review}, as_of=datetime.now(UTC), policy={}, git_sha=None,
        )  # fmt: skip
        wired.decisions.set_dataset(
            "fraud",
            run_id,
            dataset={},
            evidence_source="LOGGED",
            champion_version=now.version if now else None,
        )
        wired.decisions.set_challenger("fraud", run_id, version)
        decision = wired.decisions.decide(
            "fraud", run_id, verdict="APPROVED", reason="test", evidence_hash=run_id
        )
    return decision.id


def outcome(lifecycle: Lifecycle, decision_id: int) -> tuple[str, str]:
    """How a decision ended, and the reason."""
    with lifecycle.step("looking") as wired:
        decision = wired.decisions.get("fraud", decision_id)
        entries = wired.ledger.of(promotion_id("fraud", decision_id))
    if entries:
        return entries[-1].state, entries[-1].reason
    return decision.verdict or "", decision.reason or ""


@pytest.mark.parametrize("batch", range(10))
def test_every_approved_decision_ends(
    lifecycle: Lifecycle, versions: list[int], batch: int
) -> None:
    for seed in range(batch * SCHEDULES // 10, (batch + 1) * SCHEDULES // 10):
        decisions, airflow = interrupted(lifecycle, versions, seed)
        for _ in range(2):
            airflow.check()
            while airflow.runs:
                airflow.advance(airflow.runs[0], may_kill=False)
        for decision in decisions:
            state, reason = outcome(lifecycle, decision)
            assert state in ("DONE", "REFUSED", "ROLLED_BACK", "SUPERSEDED"), (seed, decision)
            assert reason, (seed, decision)
        lifecycle.production()  # alias and ledger agree
        airflow.check()
        with lifecycle.step("looking") as wired:
            open_causes = {alert.cause for alert in wired.alerts.open("fraud")}
        assert "promotion_waiting" not in open_causes


def interrupted(lifecycle: Lifecycle, versions: list[int], seed: int) -> tuple[list[int], Airflow]:
    """A random schedule of approvals, pauses, tasks, kills and checks; then the pause ends."""
    draw = random.Random(seed)
    airflow = Airflow(lifecycle, draw, name=f"schedule {seed}")
    production = lifecycle.production()
    free = [version for version in versions if version != production]
    decisions: list[int] = []
    for turn in range(draw.randint(3, 10)):
        action = draw.choice(["approve", "pause", "unpause", "task", "task", "task", "check"])
        if action == "approve" and len(decisions) < 3:
            run_id = f"schedule {seed} approval {turn}"
            version = free[len(decisions)]
            decisions.append(approve(lifecycle, run_id, version, review=draw.random() < 0.4))
            if draw.random() < 0.8:  # otherwise the task `approve` is killed
                airflow.emit()
        elif action == "pause":
            airflow.paused = True
        elif action == "unpause":
            airflow.paused = False
        elif action == "task" and airflow.runs and not airflow.paused:
            airflow.advance(draw.choice(airflow.runs), may_kill=True)
        elif action == "check":
            airflow.check()
    airflow.paused = False
    return decisions, airflow


def test_a_person_is_told_while_the_promotion_is_paused(
    lifecycle: Lifecycle, versions: list[int]
) -> None:
    airflow = Airflow(lifecycle, random.Random(0), name="told")
    airflow.paused = True
    version = next(each for each in versions if each != lifecycle.production())
    decision = approve(lifecycle, "told", version, review=False)
    airflow.emit()
    airflow.check()
    with lifecycle.step("looking") as wired:
        (alert,) = [
            each for each in wired.alerts.open("fraud") if each.cause == "promotion_waiting"
        ]
    assert alert.severity == "ALERT"
    assert f"decision {decision} is APPROVED" in alert.message
    assert "fraud_promotion is paused: unpause it" in alert.message
    airflow.paused = False
    airflow.check()
    while airflow.runs:
        airflow.advance(airflow.runs[0], may_kill=False)
    assert outcome(lifecycle, decision)[0] == "DONE"
    airflow.check()
    with lifecycle.step("looking") as wired:
        resolved = wired.alerts.find(alert.id)
    assert resolved is not None
    assert resolved.state == "RESOLVED"


def free(lifecycle: Lifecycle, versions: list[int]) -> list[int]:
    production = lifecycle.production()
    return [version for version in versions if version != production]


def test_a_rejection_that_the_ledger_does_not_have_is_written_by_the_next_run(
    lifecycle: Lifecycle, versions: list[int]
) -> None:
    version = free(lifecycle, versions)[0]
    decision = approve(lifecycle, "rejected", version, review=True)
    with lifecycle.step("killed") as wired:
        wired.decisions.record_review("fraud", decision, reviewer="ana", approved=False, comment="")
    assert outcome(lifecycle, decision)[0] == "APPROVED"
    with (
        pytest.raises(StepSkipped, match="was rejected by ana"),
        lifecycle.step("the next run") as wired,
    ):
        perform("needs_review", wired)
    state, reason = outcome(lifecycle, decision)
    assert state == "REFUSED"
    assert reason == "rejected by ana"


def test_a_promotion_that_was_cut_off_does_not_replace_a_newer_champion(
    lifecycle: Lifecycle, versions: list[int]
) -> None:
    older_version, newer_version = free(lifecycle, versions)[:2]
    older = approve(lifecycle, "cut off", older_version, review=False)
    # The process ends once INTENDED is written, before the alias moves.
    with (
        contextlib.suppress(Killed),
        step(lifecycle, "cut off run", {"decision_id": older}, None) as wired,
    ):
        wired.__dict__["registry"] = Fragile(wired.registry, Fuse(0))
        perform("promote", wired)
    assert lifecycle.states(older) == ["INTENDED"]
    newer = approve(lifecycle, "newer", newer_version, review=False)
    assert lifecycle.promote(newer) == "DONE"
    with (
        pytest.raises(PromotionRefused, match="was promoted since"),
        lifecycle.step("repair", decision_id=older) as wired,
    ):
        perform("promote", wired)
    assert lifecycle.states(older) == ["INTENDED", "REFUSED"]
    assert lifecycle.production() == newer_version
