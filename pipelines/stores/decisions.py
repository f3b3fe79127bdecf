"""`retraining_decisions`: each run of retraining, with its evidence and verdict."""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from pipelines.errors import EvidenceError
from pipelines.records import Decision, RecordedReview
from pipelines.stores.database import Connection, queries


class DecisionStore:
    """Decisions, opened by the first step of a run and decided once."""

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
        """Open the decision of a run, or find it again."""
        queries("decisions").open_decision(
            self._connection, use_case=use_case, run_id=run_id, trigger=trigger, requested_by=requested_by,
            request_reason=reason, params=Jsonb(params), as_of=as_of, policy=Jsonb(policy), git_sha=git_sha,
        )  # fmt: skip
        return self.of_run(use_case, run_id)

    def of_run(self, use_case: str, run_id: str) -> Decision:
        """Return a run's decision, or say that its first step has not run."""
        row = queries("decisions").get_by_run(self._connection, use_case=use_case, run_id=run_id)
        if row is None:
            raise EvidenceError(
                f"no run {run_id!r} of {use_case} is open: run its check_conditions step first"
            )
        return Decision(**row)

    def get(self, use_case: str, decision_id: int) -> Decision:
        """Return one decision by its number."""
        row = queries("decisions").get_by_id(self._connection, use_case=use_case, id=decision_id)
        if row is None:
            raise EvidenceError(
                f"{use_case} has no decision {decision_id}: see `sixgate decisions --use-case {use_case}`"
            )
        return Decision(**row)

    def newest_approved(self, use_case: str) -> Decision | None:
        """Return the candidate that promotion is about, if there is one."""
        return _decision(queries("decisions").newest_approved(self._connection, use_case=use_case))

    def newest_trained(self, use_case: str, *, but_run_id: str) -> Decision | None:
        """Return the last run, other than the one named, that trained a challenger."""
        return _decision(
            queries("decisions").newest_trained(
                self._connection, use_case=use_case, but_run_id=but_run_id
            )
        )

    def trained_since(self, use_case: str, since: datetime, *, but_run_id: str) -> int:
        """How many runs, other than the one named, trained a challenger and were opened since then."""
        row = queries("decisions").count_trained(
            self._connection, use_case=use_case, since=since, but_run_id=but_run_id
        )
        return int(row["n"])

    def waiting(self, use_case: str) -> int | None:
        """The decision whose candidate is approved and neither promoted nor refused, if there is one."""
        row = queries("decisions").waiting(self._connection, use_case=use_case)
        return int(row["id"]) if row else None

    def recent(self, use_case: str, *, limit: int = 20) -> list[Decision]:
        """The newest decisions first."""
        return [
            Decision(**row)
            for row in queries("decisions").list_decisions(
                self._connection, use_case=use_case, limit=limit
            )
        ]

    def set_dataset(
        self,
        use_case: str,
        run_id: str,
        *,
        dataset: dict[str, Any],
        evidence_source: str,
        champion_version: int | None,
    ) -> None:
        """Fix what the run trains and judges on; EvidenceError when it is decided."""
        written = queries("decisions").set_dataset(
            self._connection, use_case=use_case, run_id=run_id, dataset=Jsonb(dataset), evidence_source=evidence_source,
            champion_version=champion_version,
        )  # fmt: skip
        self._require(written, use_case, run_id)

    def set_challenger(self, use_case: str, run_id: str, version: int) -> None:
        """Name the model that the run trained; EvidenceError when it is decided."""
        written = queries("decisions").set_challenger(
            self._connection, use_case=use_case, run_id=run_id, version=version
        )
        self._require(written, use_case, run_id)

    def _require(self, written: bool, use_case: str, run_id: str) -> None:
        if not written:
            decision = self.of_run(use_case, run_id)
            raise EvidenceError(
                f"decision {decision.id} is decided ({decision.verdict}) and stays as it is: trigger a new run"
            )

    def decide(
        self, use_case: str, run_id: str, *, verdict: str, reason: str, gates: list[dict[str, Any]] | None = None,
        evidence_hash: str | None = None,
    ) -> Decision:  # fmt: skip
        """Write the verdict; the first one stays. An APPROVED one supersedes older candidates that were not promoted."""
        queries("decisions").decide(
            self._connection, use_case=use_case, run_id=run_id, verdict=verdict, reason=reason,
            gates=None if gates is None else Jsonb(gates), evidence_hash=evidence_hash,
        )  # fmt: skip
        decision = self.of_run(use_case, run_id)
        if decision.verdict == "APPROVED":
            queries("decisions").supersede_older(
                self._connection, use_case=use_case, id=decision.id
            )
        return decision

    def note_failure(self, use_case: str, run_id: str, reason: str) -> None:
        """Keep why a run ended without a verdict; a retry may still come to one. What is decided keeps its reason."""
        queries("decisions").note_failure(
            self._connection, use_case=use_case, run_id=run_id, reason=reason
        )

    def record_review(
        self, use_case: str, decision_id: int, *, reviewer: str, approved: bool, comment: str
    ) -> RecordedReview:
        """Keep who answered the review and what they said; the first answer stands, and is returned."""
        self.get(use_case, decision_id)
        queries("decisions").record_review(
            self._connection,
            id=decision_id,
            reviewer=reviewer,
            approved=approved,
            comment=comment or None,
        )
        return RecordedReview(**queries("decisions").review_of(self._connection, id=decision_id))

    def bind(self, use_case: str, run_id: str, decision_id: int) -> int:
        """Note which decision a promotion run is about, and return it; the first one noted stays."""
        queries("decisions").bind_run(
            self._connection, use_case=use_case, run_id=run_id, id=decision_id
        )
        return int(
            queries("decisions").bound_to(self._connection, use_case=use_case, run_id=run_id)
        )

    def of_promotion(self, use_case: str, run_id: str, decision_id: int) -> Decision:
        """The decision that a promotion run is about; EvidenceError when its tasks were told another one."""
        bound = queries("decisions").bound_to(self._connection, use_case=use_case, run_id=run_id)
        if bound is not None and bound != decision_id:
            raise EvidenceError(
                f"this run is about decision {bound}, and was told decision {decision_id}: trigger a new run"
            )
        return self.get(use_case, decision_id)

    def review_of(self, decision_id: int) -> RecordedReview | None:
        """What was answered about a decision, if anything was."""
        row = queries("decisions").review_of(self._connection, id=decision_id)
        return RecordedReview(**row) if row else None


def _decision(row: dict[str, Any] | None) -> Decision | None:
    return Decision(**row) if row else None
