"""Judge the challenger against the champion on the same held-out rows, and write the verdict of six gates."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.records import Decision
from pipelines.reporting.tables import gate_table
from pipelines.rules.data.frame import Frame
from pipelines.rules.gates.decision_replay import differences
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import judge
from pipelines.rules.gates.slices import masks
from pipelines.rules.gates.verdict import GateResult, verdict
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy import Gates
from pipelines.stores.registered_model import RegisteredModel

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Gather the evidence, decide, and record the verdict with all it rests on."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict is not None:
        log.info(
            "decision %s was decided before: its record stays as it is\n%s",
            decision.id,
            gate_table(decision),
        )
        return {"decision_id": decision.id, "verdict": decision.verdict}
    evidence = gather(context, decision)
    results = judge(evidence, thresholds(decision))
    found, reason = verdict(results)
    gates = [result.as_dict() for result in results]
    decision = context.decisions.decide(
        context.name,
        context.run_id,
        verdict=found,
        reason=reason,
        gates=gates,
        evidence_hash=evidence.hash,
    )
    log.info("%s", gate_table(decision))
    return {"decision_id": decision.id, "verdict": decision.verdict}


@dataclass(frozen=True)
class Replayed:
    """A decision judged again: what the gates say now, and what differs from the record, in words."""

    results: list[GateResult]
    differences: list[str]

    @property
    def verdict(self) -> str:
        """What the gates come to now."""
        return verdict(self.results)[0]


def replay(context: Context, decision: Decision) -> Replayed:
    """Judge a decision's evidence again, by the policy it was made under; writes nothing."""
    if not decision.gates:
        why = decision.reason or "its run has not come that far"
        raise EvidenceError(f"decision {decision.id} was never judged by gates: {why}")
    evidence = gather(context, decision)
    results = judge(evidence, thresholds(decision))
    return Replayed(results, differences(decision, evidence.hash, results))


def thresholds(decision: Decision) -> Gates:
    """The gates' thresholds as they were when the run began, whatever the policy says by now."""
    return msgspec.convert(decision.policy["gates"], Gates)


def gather(context: Context, decision: Decision) -> Evidence:
    """Score the held-out rows with both models, each flagged at its own stored threshold.

    Rows are read by the contract that the challenger was trained under: the folder's may have changed since.
    """
    if decision.challenger_version is None or decision.dataset is None:
        raise EvidenceError(f"decision {decision.id} has no challenger: run its train step first")
    model = context.models.get(context.name, decision.challenger_version)
    contract = context.models.contract(model.contract_hash, context.use_case.contract)
    rows = Frame.of(context.artifacts.load("datasets", decision.dataset["holdout"]), contract)
    challenger = RegisteredModel(context.settings, model, contract)
    scores = challenger.scores(rows.features)
    evidence = Evidence(
        labels=rows.labels,
        challenger_scores=scores,
        challenger_flags=scores >= challenger.bundle.threshold,
        predictions=int(decision.dataset["predictions"]),
        coverage={
            band: (labelled, all_)
            for band, (labelled, all_) in decision.dataset.get("coverage", {}).items()
        },
        slices=masks(decision.policy["evaluation"].get("slices", {}), contract, rows.features),
    )
    return (
        _with_champion(context, decision, rows, evidence, contract)
        if decision.champion_version
        else evidence
    )


def _with_champion(
    context: Context, decision: Decision, rows: Frame, evidence: Evidence, contract: Contract
) -> Evidence:  # fmt: skip
    """Add what the champion logged; rows that it did not score itself are scored by it now."""
    version = decision.champion_version
    assert version is not None
    scores, thresholds = rows.scores.copy(), rows.thresholds.copy()
    replayed = rows.versions != version
    if replayed.any():
        champion = RegisteredModel(
            context.settings, context.models.get(context.name, version), contract
        )
        scores[replayed] = champion.scores(rows.features[replayed])
        thresholds[replayed] = champion.bundle.threshold
    log.info("%s of %s rows carry the champion's logged scores", int((~replayed).sum()), len(rows))
    return replace(
        evidence, champion_scores=scores, champion_flags=np.asarray(scores >= thresholds)
    )
