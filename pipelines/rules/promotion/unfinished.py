"""What becomes of approved decisions that are neither promoted nor refused."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.records import Decision

GRACE = timedelta(minutes=2)  # in which the run that the verdict triggered may still begin


@dataclass(frozen=True, kw_only=True)
class PromotionDag:
    """The state of a use case's promotion DAG.

    active: the decisions of its queued and running runs · unbound: whether a run is active that has
    not read yet which decision it is about
    """

    name: str
    paused: bool
    active: Collection[int] = ()
    unbound: bool = False


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """One unfinished decision: what a person is told, and whether to trigger a run."""

    decision_id: int
    message: str
    trigger: bool


def unfinished(
    decisions: Sequence[Decision], dag: PromotionDag, as_of: datetime
) -> Iterator[Unfinished]:
    """Yield the decisions that no run carries out, oldest first.

    A paused DAG carries out none, not even in a run that began. A run that began with no decision
    yet takes the newest one.
    """
    for decision in decisions:
        since = decision.decided_at or decision.opened_at
        candidate = (
            f"version {decision.challenger_version} of decision {decision.id} is APPROVED since "
            f"{since:%Y-%m-%d %H:%M} UTC"
        )
        if dag.paused:
            yield Unfinished(
                decision_id=decision.id,
                message=f"{candidate} and not promoted, because {dag.name} is paused: unpause it",
                trigger=False,
            )
            continue
        is_newest = decision is decisions[-1]
        is_active = decision.id in dag.active or (dag.unbound and is_newest)
        if not is_active and as_of >= since + GRACE:
            yield Unfinished(
                decision_id=decision.id,
                message=f"{candidate} and no run of {dag.name} promotes it: triggered again",
                trigger=True,
            )
