"""Does a decision that is judged again come to the same verdict? What differs is said in words."""

import math
from typing import Any

from pipelines.records import Decision
from pipelines.rules.gates.verdict import GateResult, Verdict, verdict

COMPARED = ("outcome", "observed", "threshold", "p")
CLOSE = 1e-9  # relative: a sum of another order of rows, or another processor's


def differences(decision: Decision, evidence_hash: str, results: list[GateResult]) -> list[str]:
    """Compare what is recorded with what was found again; nothing when all holds."""
    found: list[str] = []
    if decision.evidence_hash != evidence_hash:
        found.append(
            f"the evidence is another: recorded {decision.evidence_hash}, found {evidence_hash}"
        )
    recorded = {gate["name"]: gate for gate in decision.gates or []}
    for result in results:
        again, before = result.as_dict(), recorded.pop(result.name, None)
        if before is None:
            found.append(f"{result.name}: not judged then")
            continue
        found += [
            f"{result.name}: {key} was {before[key]}, is {again[key]}"
            for key in COMPARED
            if key in before and not _same(before[key], again[key])
        ]
    found += [f"{name}: judged then, no gate now" for name in recorded]
    now, then = verdict(results)[0], recorded_verdict(decision)
    if now != then:
        found.append(f"the verdict was {then}, is {now}")
    return found


def recorded_verdict(decision: Decision) -> str | None:
    """What the gates said: a candidate that a newer one superseded had been approved."""
    return Verdict.APPROVED if decision.verdict == Verdict.SUPERSEDED else decision.verdict


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, float) or isinstance(now, float):
        return (
            before is not None
            and now is not None
            and math.isclose(before, now, rel_tol=CLOSE, abs_tol=1e-12)
        )
    return bool(before == now)
