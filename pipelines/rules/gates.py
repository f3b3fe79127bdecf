"""The six gates. Each is a pure function of the evidence; NaN and missing evidence never pass."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from pipelines.rules.evidence import Evidence, f1_scores, table
from pipelines.rules.policy import Gates

F1_FLOOR = 0.01  # a champion below it counts as this good, so that a relative gain stays a number
Z95 = 1.959964


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
    """One gate's outcome with all it rests on; `low` and `high` bound the observed value."""

    name: str
    outcome: Outcome
    threshold: float
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON holds it: what is not a number becomes null."""
        return {key: _finite(value) for key, value in asdict(self).items()}


def judge(evidence: Evidence, gates: Gates) -> list[GateResult]:
    """Put the evidence before the six gates, in their order."""
    return [gate(evidence, gates) for gate in GATES]


def verdict(results: list[GateResult]) -> tuple[Verdict, str]:
    """APPROVED only if nothing fails and nothing is insufficient; the reason names the gates that decided."""
    failed = [result for result in results if result.outcome is Outcome.FAIL]
    waiting = [result for result in results if result.outcome is Outcome.INSUFFICIENT]
    if failed:
        return Verdict.REJECTED, "; ".join(f"{result.name}: {result.reason}" for result in failed)
    if waiting:
        return Verdict.INSUFFICIENT, "; ".join(f"{result.name}: {result.reason}" for result in waiting)
    passed = sum(result.outcome is Outcome.PASS for result in results)
    return Verdict.APPROVED, f"{passed} of {len(results)} gates passed, {len(results) - passed} not applicable"


def f1_improvement(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when F1 gains `f1_improvement`, relative, and a paired bootstrap's lower bound at `level` is above 0.

    A paired F1 depends on the eight counts of (label, champion says, challenger says) only, so a resample of the rows is a
    multinomial draw of these counts (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
    """
    name, threshold = "f1_improvement", gates.f1_improvement
    if evidence.champion_flags is None:
        return _not_applicable(name, threshold, "there is no champion to improve on")
    if not evidence.positives:
        return _insufficient(name, threshold, "no labelled row is positive, so F1 says nothing yet")
    counts = table(evidence)
    gain = float(_gain(counts))
    low, high = _bootstrap(counts, level=gates.level, resamples=gates.resamples)
    champion, challenger = (float(value) for value in f1_scores(counts))
    words = (
        f"F1 {champion:.3f} → {challenger:.3f}, {gain:+.1%}; between {low:+.1%} and {high:+.1%} at {gates.level:.0%} each side"
    )
    passes = gain >= threshold and low > 0
    return GateResult(
        name=name, threshold=threshold, observed=gain, low=low, high=high, outcome=Outcome.PASS if passes else Outcome.FAIL,
        counts={"positives": evidence.positives, "rows": len(evidence.labels)},
        reason=words if passes else f"{words}; needs {threshold:+.1%} and a lower bound above 0",
    )  # fmt: skip


def brier(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the Brier score, mean (score - label)², rises by no more than `brier_degradation`."""
    name, threshold = "brier", gates.brier_degradation
    if evidence.champion_scores is None:
        return _not_applicable(name, threshold, "there is no champion to compare with")
    if not len(evidence.labels):
        return _insufficient(name, threshold, "no row is labelled")
    difference = (evidence.challenger_scores - evidence.labels) ** 2 - (evidence.champion_scores - evidence.labels) ** 2
    observed = float(difference.mean())
    half = Z95 * float(difference.std()) / math.sqrt(len(difference))
    return _compare(
        name, observed, threshold, passes=observed <= threshold, low=observed - half, high=observed + half,
        words=f"Brier score {observed:+.4f} against the champion", wanted=f"at most {threshold:+.4f}",
    )  # fmt: skip


def samples(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass with `samples` labelled rows of which `positives` are positive; otherwise wait for the rest."""
    n, positives = len(evidence.labels), evidence.positives
    counts = {"rows": n, "positives": positives, "negatives": evidence.negatives}
    missing = [
        f"{wanted - there} more {what}"
        for wanted, there, what in ((gates.samples, n, "labelled rows"), (gates.positives, positives, "positives"))
        if there < wanted
    ]
    words = f"{n:,} labelled rows, {positives:,} positive"
    return GateResult(
        name="samples", threshold=gates.samples, observed=n, counts=counts,
        outcome=Outcome.INSUFFICIENT if missing else Outcome.PASS,
        reason=f"{words}; waits for {' and '.join(missing)}" if missing else words,
    )  # fmt: skip


def label_coverage(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the labelled share of the window's matured predictions reaches `label_coverage`; otherwise wait."""
    name, threshold, n = "label_coverage", gates.label_coverage, len(evidence.labels)
    if evidence.champion_scores is None:
        return _not_applicable(name, threshold, "nothing was predicted yet")
    if not evidence.predictions:
        return _insufficient(name, threshold, "the window holds no matured prediction")
    observed = n / evidence.predictions
    low, high = _wilson(n, evidence.predictions)
    words = f"{n:,} of {evidence.predictions:,} matured predictions are labelled, {observed:.1%}"
    missing = math.ceil(threshold * evidence.predictions) - n
    return GateResult(
        name=name, threshold=threshold, observed=observed, low=low, high=high,
        counts={"labelled": n, "predictions": evidence.predictions},
        outcome=Outcome.PASS if missing <= 0 else Outcome.INSUFFICIENT,
        reason=words if missing <= 0 else f"{words}; waits for {missing:,} more labels",
    )  # fmt: skip


def recall(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger finds at least `recall` of the positives; without positives it waits."""
    name, threshold = "recall", gates.recall
    if not evidence.positives:
        return _insufficient(name, threshold, "no labelled row is positive")
    found = int((evidence.challenger_flags & (evidence.labels == 1)).sum())
    observed = found / evidence.positives
    low, high = _wilson(found, evidence.positives)
    return _compare(
        name, observed, threshold, passes=observed >= threshold, low=low, high=high,
        words=f"finds {found:,} of {evidence.positives:,} positives, {observed:.1%}", wanted=f"at least {threshold:.1%}",
    )  # fmt: skip


def roc_auc(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger's ROC-AUC reaches `roc_auc`; with one class only it waits.

    The interval is Hanley and McNeil's (Radiology 143, 1982).
    """
    name, threshold = "roc_auc", gates.roc_auc
    if not evidence.positives or not evidence.negatives:
        return _insufficient(name, threshold, "the window holds one class only")
    if not np.isfinite(evidence.challenger_scores).all():
        return _compare(name, math.nan, threshold, passes=False, low=math.nan, high=math.nan, words="scores are not numbers",
                        wanted="numbers")  # fmt: skip
    observed = float(roc_auc_score(evidence.labels, evidence.challenger_scores))
    half = Z95 * _auc_error(observed, evidence.positives, evidence.negatives)
    return _compare(
        name, observed, threshold, passes=observed >= threshold, low=max(0.0, observed - half), high=min(1.0, observed + half),
        words=f"ROC-AUC {observed:.3f}", wanted=f"at least {threshold:.3f}",
    )  # fmt: skip


GATES: tuple[Callable[[Evidence, Gates], GateResult], ...] = (
    f1_improvement,
    brier,
    samples,
    label_coverage,
    recall,
    roc_auc,
)


def _gain(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    champion, challenger = f1_scores(counts)
    return np.asarray((challenger - champion) / np.maximum(champion, F1_FLOOR))


def _bootstrap(counts: np.ndarray[Any, Any], *, level: float, resamples: int) -> tuple[float, float]:
    """Bounds of the relative gain; seeded by the counts, so that the same evidence gives the same bounds."""
    flat = counts.reshape(-1)
    generator = np.random.default_rng([int(count) for count in flat])
    draws = generator.multinomial(int(flat.sum()), flat / flat.sum(), size=resamples).reshape(-1, 2, 2, 2)
    low, high = np.quantile(_gain(draws), [level, 1 - level])
    return float(low), float(high)


def _compare(
    name: str, observed: float, threshold: float, *, passes: bool, low: float, high: float, words: str, wanted: str
) -> GateResult:
    passes = passes and math.isfinite(observed)
    return GateResult(
        name=name, threshold=threshold, observed=observed, low=low, high=high,
        outcome=Outcome.PASS if passes else Outcome.FAIL, reason=words if passes else f"{words}; needs {wanted}",
    )  # fmt: skip


def _insufficient(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(name=name, threshold=threshold, outcome=Outcome.INSUFFICIENT, reason=reason)


def _not_applicable(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(name=name, threshold=threshold, outcome=Outcome.NOT_APPLICABLE, reason=reason)


def _wilson(found: int, n: int) -> tuple[float, float]:
    """Bound a share at 95 % (Wilson, JASA 22, 1927)."""
    share, z2 = found / n, Z95**2
    middle, half = share + z2 / (2 * n), Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def _auc_error(auc: float, positives: int, negatives: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)
    return math.sqrt(max(variance, 0) / (positives * negatives))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
