"""What waits for a person or for a time in each use case."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.records import Decision
from pipelines.steps.monitoring.wake_retraining import CAUSES
from stack.processes.environments import REVIEWERS
from stack.status.airflow import AirflowState
from stack.status.use_cases import UseCaseState

RUNNING = ("queued", "running")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One thing that waits: for any user in `who`, or for the time `until`; both may be unknown.

    `what` is review, candidate, promotion or retraining; `text` says it as a sentence.
    """

    what: str
    text: str
    who: tuple[str, ...] = ()
    until: datetime | None = None
    decision: int | None = None
    version: int | None = None


def waiting(state: UseCaseState, airflow: AirflowState | None) -> list[Waiting]:
    """List what waits in a use case; `airflow` is None when Airflow does not answer."""
    return [
        *_promotion(state),
        *_candidate(state, airflow),
        *_retraining(state),
    ]


def _promotion(state: UseCaseState) -> Iterator[Waiting]:
    """The promotion or rollback whose acknowledgement by the replicas is outstanding."""
    newest = state.entries[0] if state.entries else None
    if newest is None or newest.state != "INTENDED":
        return
    yield Waiting(
        what="promotion",
        text=f"version {newest.to_version} waits until every replica serves it",
        decision=newest.decision_id,
        version=newest.to_version,
    )


def _candidate(state: UseCaseState, airflow: AirflowState | None) -> Iterator[Waiting]:
    """The approved candidate, and whether it waits for a review."""
    decision = state.candidate
    if decision is None:
        return
    candidate = f"version {decision.challenger_version} of decision {decision.id}"
    if airflow is None:
        text = f"{candidate} is approved; whether a review is open is not known"
        yield _of_decision("candidate", decision, text)
    elif request := _review(state, airflow):
        yield _open_review(state, decision, request)
    elif _runs(state, airflow):
        yield _of_decision("candidate", decision, f"{candidate}: {state.name}_promotion is running")
    else:
        text = f"{candidate} is approved and not promoted: trigger {state.name}_promotion"
        yield _of_decision("candidate", decision, text, who=REVIEWERS)


def _open_review(state: UseCaseState, decision: Decision, request: Mapping[str, Any]) -> Waiting:
    """The review that people have not answered; without an answer in time it is a rejection."""
    asked = datetime.fromisoformat(request["created_at"])
    return _of_decision(
        "review",
        decision,
        f"review of version {decision.challenger_version}, decision {decision.id}",
        who=_may_answer(decision),
        until=asked + state.policy.review.timeout if state.policy else None,
    )


def _may_answer(decision: Decision) -> tuple[str, ...]:
    """The users who may approve: whoever forced a run past the cooldown may not."""
    forced_by = decision.requested_by if decision.params.get("force") else None
    return tuple(user for user in REVIEWERS if user != forced_by)


def _review(state: UseCaseState, airflow: AirflowState) -> Mapping[str, Any] | None:
    """The request to people about the candidate; others are about superseded decisions."""
    for request in airflow.unanswered:
        if request["task_instance"]["dag_run_id"] in state.promotion_runs:
            return request
    return None


def _runs(state: UseCaseState, airflow: AirflowState) -> bool:
    run = airflow.last_runs.get(f"{state.name}_promotion")
    return run is not None and run["state"] in RUNNING


def _retraining(state: UseCaseState) -> Iterator[Waiting]:
    """That no retraining may start, and the severe alerts that have started none."""
    if state.blocked is None:
        return
    severe = [
        str(alert.id)
        for alert in state.alerts
        if alert.severity == "SEVERE" and alert.cause in CAUSES and alert.woke_at is None
    ]
    alerts = f"; alert {' and '.join(severe)} waits for it" if severe else ""
    yield Waiting(
        what="retraining",
        text=f"no retraining may start: {state.blocked}{alerts}",
        until=state.cooldown_until,
    )


def _of_decision(what: str, decision: Decision, text: str, **rest: Any) -> Waiting:
    return Waiting(
        what=what,
        text=text,
        decision=decision.id,
        version=decision.challenger_version,
        **rest,
    )
