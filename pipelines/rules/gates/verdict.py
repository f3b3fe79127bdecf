"""The outcome of a gate, and the verdict of all gates together."""

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from pipelines.rules.gates.score_bands import Parts


class Outcome(StrEnum):
    """The outcome of one gate; INSUFFICIENT waits for labels."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INSUFFICIENT = "INSUFFICIENT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Verdict(StrEnum):
    """The verdict of a decision."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    INSUFFICIENT = "INSUFFICIENT"
    SKIPPED = "SKIPPED"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, kw_only=True)
class FurtherValue:
    """Another value that a gate observes; `threshold` is None where it is reported only."""

    observed: float
    threshold: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The outcome of one gate, with the numbers behind it.

    `low` and `high` bound the observed value, `p` is the p-value of a test, `parts` are counts and
    totals by band or slice, `further` are other values by name.
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
    further: dict[str, FurtherValue] = field(default_factory=dict)
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON: NaN and infinity become null.

        `further` is left out where it is empty, so that a result without it is stored as before.
        """
        fields = asdict(self)
        further = fields.pop("further")
        document = _all_finite(fields)
        if further:
            document["further"] = {name: _all_finite(value) for name, value in further.items()}
        return document


def verdict(results: list[GateResult]) -> tuple[Verdict, str]:
    """Return the verdict and its reason, which names the gates that decided.

    The verdict is APPROVED only if no gate fails and none is insufficient.
    """
    failed = _with_outcome(results, Outcome.FAIL)
    if failed:
        return Verdict.REJECTED, _reasons(failed)
    waiting = _with_outcome(results, Outcome.INSUFFICIENT)
    if waiting:
        return Verdict.INSUFFICIENT, _reasons(waiting)
    n = len(results)
    passed = len(_with_outcome(results, Outcome.PASS))
    not_applicable = n - passed
    reason = f"{passed} of {n} gates passed, {not_applicable} not applicable"
    return Verdict.APPROVED, reason


def _with_outcome(results: list[GateResult], outcome: Outcome) -> list[GateResult]:
    return [result for result in results if result.outcome is outcome]


def _reasons(results: list[GateResult]) -> str:
    reasons = [f"{result.name}: {result.reason}" for result in results]
    return "; ".join(reasons)


def _all_finite(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in fields.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
