"""Compare the challenger with the champion on the same held-out rows, and decide by six gates."""

import logging
from collections.abc import Mapping
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
from pipelines.rules.gates.equal_workload import highest
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import judge
from pipelines.rules.gates.slices import masks
from pipelines.rules.gates.verdict import GateResult, verdict
from pipelines.rules.statistics.precision_at_k import Workload
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.policy_sections.gates import Gates
from pipelines.stores.registered_model import RegisteredModel

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Gather the evidence, apply the gates, and store the verdict with the evidence's hash."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict is not None:
        log.info(
            "decision %s is decided already: its record stays as it is\n%s",
            decision.id,
            gate_table(decision),
        )
        return {"decision_id": decision.id, "verdict": decision.verdict}
    evidence = gather(context, decision)
    results = judge(evidence, thresholds(decision))
    outcome, reason = verdict(results)
    decision = context.decisions.decide(
        context.name,
        context.run_id,
        verdict=outcome,
        reason=reason,
        gates=[result.as_dict() for result in results],
        evidence_hash=evidence.hash,
    )
    log.info("%s", gate_table(decision))
    return {"decision_id": decision.id, "verdict": decision.verdict}


@dataclass(frozen=True)
class Replayed:
    """A replayed decision: the gates' results now, and each difference from the record as text."""

    results: list[GateResult]
    differences: list[str]

    @property
    def verdict(self) -> str:
        """The verdict that the gates give now."""
        outcome, _ = verdict(self.results)
        return outcome


def replay(context: Context, decision: Decision) -> Replayed:
    """Apply the gates to a decision's evidence again, with the stored policy; writes nothing.

    Raises EvidenceError when the decision's run did not reach the gates.
    """
    if not decision.gates:
        reason = decision.reason or "its run has not reached them"
        raise EvidenceError(f"decision {decision.id} was never judged by gates: {reason}")
    evidence = gather(context, decision)
    results = judge(evidence, thresholds(decision))
    return Replayed(results, differences(decision, evidence.hash, results))


def thresholds(decision: Decision) -> Gates:
    """Return the thresholds of the policy that was stored when the run began."""
    return msgspec.convert(decision.policy["gates"], Gates)


def gather(context: Context, decision: Decision) -> Evidence:
    """Score the held-out rows with both models, each flagging at its own stored threshold.

    Where the policy limits the flagged rows, the champion flags as many as the challenger. Rows are
    read by the contract that the challenger was trained under, because the folder's may have
    changed since. Raises EvidenceError when the decision has no challenger.
    """
    if decision.challenger_version is None or decision.dataset is None:
        raise EvidenceError(f"decision {decision.id} has no challenger: run its train step first")
    model = context.models.get(context.name, decision.challenger_version)
    contract = context.models.contract(model.contract_hash, context.use_case.contract)
    table = context.artifacts.load("datasets", decision.dataset["holdout"])
    rows = Frame.of(table, contract)
    challenger = RegisteredModel(context.settings, model, contract)
    scores = challenger.scores(rows.features)
    coverage = decision.dataset.get("coverage", {})
    slices = decision.policy["evaluation"].get("slices", {})
    threshold = decision.policy.get("training", {}).get("threshold", {})
    evidence = Evidence(
        labels=rows.labels,
        challenger_scores=scores,
        challenger_flags=scores >= challenger.bundle.threshold,
        predictions=int(decision.dataset["predictions"]),
        coverage={band: (labelled, total) for band, (labelled, total) in coverage.items()},
        slices=masks(slices, contract, rows.features),
        workload=_workload(rows, threshold),
        is_equal_work=threshold.get("metric") == "alerts",
    )
    if not decision.champion_version:
        return evidence
    return _with_champion(context, decision.champion_version, rows, evidence, contract=contract)


def _workload(rows: Frame, threshold: Mapping[str, Any]) -> Workload | None:
    """The days of the held-out rows; None unless the stored policy says how many are investigated.

    Policies of earlier releases never say it.
    """
    per_day = threshold.get("per_day")
    if per_day is None:
        return None
    return Workload(per_day=per_day, days=rows.days, entities=rows.entities)


def _with_champion(
    context: Context, version: int, rows: Frame, evidence: Evidence, *, contract: Contract
) -> Evidence:
    """Add the champion's logged scores; it scores the rows that another version had scored.

    `contract` names the columns of the rows. They are converted to the champion's own contract.
    """
    scores = rows.scores.copy()
    cutoffs = rows.thresholds.copy()
    by_others = rows.versions != version
    if by_others.any():
        model = context.models.get(context.name, version)
        own = context.models.contract(model.contract_hash, contract)
        champion = RegisteredModel(context.settings, model, own)
        converted = Projection(contract, own).complete(rows.features[by_others])
        scores[by_others] = champion.scores(converted)
        cutoffs[by_others] = champion.bundle.threshold
    count = len(rows) - int(by_others.sum())
    log.info("%s of %s rows have logged scores of the champion", count, len(rows))
    if evidence.is_equal_work:
        flags = highest(scores, int(evidence.challenger_flags.sum()))
    else:
        flags = np.asarray(scores >= cutoffs)
    return replace(evidence, champion_scores=scores, champion_flags=flags)
