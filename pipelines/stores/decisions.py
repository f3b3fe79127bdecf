"""Decisions, the record of each retraining run with its evidence and verdict.

They are read from the view `retraining_decisions`.
"""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from pipelines.errors import EvidenceError
from pipelines.records import Decision, RecordedReview
from pipelines.stores.database import Connection, queries

MAX_BIGINT = 2**63 - 1


class DecisionStore:
    """Decisions: the first step of a run opens one, and it is decided once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(
        self,
        use_case: str,
        run_id: str,
        *,
        trigger: str,
        requested_by: str | None,
        reason: str | None,
        params: dict[str, Any],
        as_of: datetime,
        policy: dict[str, Any],
        git_sha: str | None,
    ) -> Decision:
        """Open the decision of a run, or return the one that is open."""
        queries("decisions").open_decision(
            self._connection,
            use_case=use_case,
            run_id=run_id,
            trigger=trigger,
            requested_by=requested_by,
            request_reason=reason,
            params=Jsonb(params),
            as_of=as_of,
            policy=Jsonb(policy),
            git_sha=git_sha,
        )
        return self.of_run(use_case, run_id)

    def of_run(self, use_case: str, run_id: str) -> Decision:
        """Return a run's decision; raises EvidenceError when its first step has not run."""
        row = queries("decisions").get_by_run(self._connection, use_case=use_case, run_id=run_id)
        if row is None:
            raise EvidenceError(
                f"no run {run_id!r} of {use_case} is open: run its check_conditions step first"
            )
        return Decision(**row)

    def get(self, use_case: str, decision_id: int) -> Decision:
        """Return a decision by its id; raises EvidenceError when there is none."""
        row = queries("decisions").get_by_id(
            self._connection, use_case=use_case, id=min(decision_id, MAX_BIGINT)
        )
        if row is None:
            newest = ", ".join(str(decision.id) for decision in self.recent(use_case, limit=5))
            raise EvidenceError(
                f"{use_case} has no decision {decision_id}: the newest are {newest or 'none'}, "
                f"see `sixgate decisions list --use-case {use_case}`"
            )
        return Decision(**row)

    def newest_approved(self, use_case: str) -> Decision | None:
        """Return the newest APPROVED decision, whose candidate is the one to promote."""
        row = queries("decisions").newest_approved(self._connection, use_case=use_case)
        return Decision(**row) if row else None

    def newest_trained(self, use_case: str, *, but_run_id: str) -> Decision | None:
        """Return the newest decision, other than that of `but_run_id`, that has a challenger."""
        row = queries("decisions").newest_trained(
            self._connection, use_case=use_case, but_run_id=but_run_id
        )
        return Decision(**row) if row else None

    def trained_since(self, use_case: str, since: datetime, *, but_run_id: str) -> int:
        """Count the runs opened since a time, other than `but_run_id`, that have a challenger."""
        row = queries("decisions").count_trained(
            self._connection, use_case=use_case, since=since, but_run_id=but_run_id
        )
        return int(row["n"])

    def waiting(self, use_case: str) -> int | None:
        """Return the decision whose approved candidate is neither promoted nor refused, if any."""
        row = queries("decisions").waiting(self._connection, use_case=use_case)
        return int(row["id"]) if row else None

    def of_version(self, use_case: str, version: int) -> Decision | None:
        """Return the decision about a version, the newest of several; None without one."""
        row = queries("decisions").of_version(self._connection, use_case=use_case, version=version)
        return Decision(**row) if row else None

    def unfinished(self, use_case: str) -> list[Decision]:
        """List the APPROVED decisions whose promotion has not ended, oldest first."""
        rows = queries("decisions").unfinished(self._connection, use_case=use_case)
        return [Decision(**row) for row in rows]

    def recent(self, use_case: str, *, limit: int = 20) -> list[Decision]:
        """List the newest decisions, newest first."""
        rows = queries("decisions").list_decisions(self._connection, use_case=use_case, limit=limit)
        return [Decision(**row) for row in rows]

    def set_dataset(
        self,
        use_case: str,
        run_id: str,
        *,
        dataset: dict[str, Any],
        evidence_source: str,
        champion_version: int | None,
    ) -> None:
        """Store the dataset and champion of a run; raises EvidenceError when it is decided."""
        written = queries("decisions").set_dataset(
            self._connection,
            use_case=use_case,
            run_id=run_id,
            dataset=Jsonb(dataset),
            evidence_source=evidence_source,
            champion_version=champion_version,
        )
        self._require(written, use_case, run_id)

    def set_challenger(self, use_case: str, run_id: str, version: int) -> None:
        """Store the model version that a run trained; raises EvidenceError when it is decided."""
        written = queries("decisions").set_challenger(
            self._connection, use_case=use_case, run_id=run_id, version=version
        )
        self._require(written, use_case, run_id)

    def _require(self, written: bool, use_case: str, run_id: str) -> None:
        if not written:
            decision = self.of_run(use_case, run_id)
            raise EvidenceError(
                f"decision {decision.id} is decided ({decision.verdict}) and stays as it is: "
                "trigger a new run"
            )

    def decide(
        self,
        use_case: str,
        run_id: str,
        *,
        verdict: str,
        reason: str,
        gates: list[dict[str, Any]] | None = None,
        evidence_hash: str | None = None,
    ) -> Decision:
        """Store the verdict unless there is one; return the decision.

        An APPROVED decision supersedes older approved ones that were not promoted.
        """
        queries("decisions").decide(
            self._connection,
            use_case=use_case,
            run_id=run_id,
            verdict=verdict,
            reason=reason,
            gates=None if gates is None else Jsonb(gates),
            evidence_hash=evidence_hash,
        )
        decision = self.of_run(use_case, run_id)
        if decision.verdict == "APPROVED":
            queries("decisions").supersede_older(
                self._connection, use_case=use_case, id=decision.id
            )
        return decision

    def note_failure(self, use_case: str, run_id: str, reason: str) -> None:
        """Store why a run failed without a verdict; a decided run keeps its reason.

        A retry of the run may still reach a verdict.
        """
        queries("decisions").note_failure(
            self._connection, use_case=use_case, run_id=run_id, reason=reason
        )

    def record_review(
        self, use_case: str, decision_id: int, *, reviewer: str, approved: bool, comment: str
    ) -> RecordedReview:
        """Store the answer to a review unless there is one; return the stored answer."""
        self.get(use_case, decision_id)
        queries("decisions").record_review(
            self._connection,
            id=decision_id,
            reviewer=reviewer,
            approved=approved,
            comment=comment or None,
        )
        row = queries("decisions").review_of(self._connection, id=decision_id)
        return RecordedReview(**row)

    def bind(self, use_case: str, run_id: str, decision_id: int) -> int:
        """Bind a promotion run to a decision, unless it is bound already; return the bound one."""
        queries("decisions").bind_run(
            self._connection, use_case=use_case, run_id=run_id, id=decision_id
        )
        bound = queries("decisions").bound_to(self._connection, use_case=use_case, run_id=run_id)
        return int(bound)

    def promotion_runs(self, use_case: str, decision_id: int) -> list[str]:
        """List the promotion runs that are about a decision."""
        rows = queries("decisions").runs_of(self._connection, use_case=use_case, id=decision_id)
        return [row["run_id"] for row in rows]

    def of_promotion(self, use_case: str, run_id: str, decision_id: int) -> Decision:
        """Return a promotion run's decision; raises EvidenceError if the run is about another."""
        bound = queries("decisions").bound_to(self._connection, use_case=use_case, run_id=run_id)
        if bound is not None and bound != decision_id:
            raise EvidenceError(
                f"this run is about decision {bound}, not decision {decision_id}: trigger a new run"
            )
        return self.get(use_case, decision_id)

    def review_of(self, decision_id: int) -> RecordedReview | None:
        """Return the answer to a decision's review; None when there is none yet."""
        row = queries("decisions").review_of(self._connection, id=decision_id)
        return RecordedReview(**row) if row else None
