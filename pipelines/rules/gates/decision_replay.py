"""Compares a replayed decision with its record, and describes each difference."""

import math
from typing import Any

from pipelines.records import Decision
from pipelines.rules.gates.verdict import GateResult, Verdict, verdict

COMPARED = ("outcome", "observed", "threshold", "p")
FURTHER = ("observed", "threshold")  # of a further value
CLOSE = 1e-9  # relative difference that another order of rows or another processor may cause


def differences(decision: Decision, evidence_hash: str, results: list[GateResult]) -> list[str]:
    """Describe how replayed evidence and gates differ from the record; empty when they agree."""
    differing: list[str] = []
    if decision.evidence_hash != evidence_hash:
        differing.append(
            f"the evidence differs: recorded {decision.evidence_hash}, replayed {evidence_hash}"
        )
    gates = decision.gates or []
    recorded = {gate["name"]: gate for gate in gates}
    for result in results:
        before = recorded.pop(result.name, None)
        differing += _gate_differences(before, result)
    differing += [f"{name}: recorded, but no longer a gate" for name in recorded]
    before_verdict = recorded_verdict(decision)
    verdict_now, _ = verdict(results)
    if verdict_now != before_verdict:
        differing.append(f"the verdict was {before_verdict}, is {verdict_now}")
    return differing


def recorded_verdict(decision: Decision) -> str | None:
    """Return the verdict of the gates: a superseded candidate had been approved."""
    if decision.verdict == Verdict.SUPERSEDED:
        return Verdict.APPROVED
    return decision.verdict


def _gate_differences(recorded: dict[str, Any] | None, result: GateResult) -> list[str]:
    if recorded is None:
        return [f"{result.name}: no result was recorded"]
    replayed = result.as_dict()
    differing = []
    for key in COMPARED:
        if key not in recorded:
            continue
        before = recorded[key]
        now = replayed[key]
        if not _same(before, now):
            differing.append(f"{result.name}: {key} was {before}, is {now}")
    return differing + _further_differences(recorded, replayed, result.name)


def _further_differences(
    recorded: dict[str, Any], replayed: dict[str, Any], gate: str
) -> list[str]:
    """Compare the further values of a gate. Decisions of earlier releases have none."""
    if "further" not in recorded:
        return []
    now = replayed.get("further", {})
    differing = []
    for name, before in recorded["further"].items():
        if name not in now:
            differing.append(f"{gate}: {name} was recorded, and is no longer a value of the gate")
            continue
        for key in FURTHER:
            if not _same(before[key], now[name][key]):
                change = f"{key} was {before[key]}, is {now[name][key]}"
                differing.append(f"{gate}: {name}: {change}")
    return differing


def _same(recorded: Any, replayed: Any) -> bool:
    if not isinstance(recorded, float) and not isinstance(replayed, float):
        return bool(recorded == replayed)
    if recorded is None or replayed is None:
        return False
    return math.isclose(
        recorded,
        replayed,
        rel_tol=CLOSE,
        abs_tol=1e-12,
    )
