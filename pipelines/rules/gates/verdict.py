"""What gates say, one by one and together."""

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from pipelines.rules.gates.score_bands import Parts


class Outcome(StrEnum):
    """What a gate says; INSUFFICIENT waits for labels."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INSUFFICIENT = "INSUFFICIENT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Verdict(StrEnum):
    """What a decision says."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    INSUFFICIENT = "INSUFFICIENT"
    SKIPPED = "SKIPPED"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One gate's outcome with all it rests on.

    `low` and `high` bound the observed value, `p` is a test's, `parts` say how many of how many in bands or slices.
    """

    name: str
    outcome: Outcome
    threshold: float
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON holds it: what is not a number becomes null."""
        return {key: _finite(value) for key, value in asdict(self).items()}


def verdict(results: list[GateResult]) -> tuple[Verdict, str]:
    """APPROVED only if nothing fails and nothing is insufficient; the reason names the gates that decided."""
    failed = [result for result in results if result.outcome is Outcome.FAIL]
    waiting = [result for result in results if result.outcome is Outcome.INSUFFICIENT]
    if failed:
        return Verdict.REJECTED, "; ".join(f"{result.name}: {result.reason}" for result in failed)
    if waiting:
        return Verdict.INSUFFICIENT, "; ".join(
            f"{result.name}: {result.reason}" for result in waiting
        )
    passed = sum(result.outcome is Outcome.PASS for result in results)
    return (
        Verdict.APPROVED,
        f"{passed} of {len(results)} gates passed, {len(results) - passed} not applicable",
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
