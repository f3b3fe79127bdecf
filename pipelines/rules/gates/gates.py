"""The six gates: each is a pure function of the evidence; NaN and missing evidence never pass."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipelines.rules.gates.daily_precision import as_values, daily_precision, in_words
from pipelines.rules.gates.evidence import Evidence, f1_scores, table
from pipelines.rules.gates.f1_gain import bootstrap_f1_gain, f1_gain
from pipelines.rules.gates.flagged_share import flagged_share
from pipelines.rules.gates.ranking_test import Gain, gain
from pipelines.rules.gates.score_bands import Parts
from pipelines.rules.gates.verdict import FurtherValue, GateResult, Outcome
from pipelines.rules.statistics import confidence_intervals
from pipelines.rules.use_case.policy_sections.gates import Gates


def judge(evidence: Evidence, gates: Gates) -> list[GateResult]:
    """Judge the evidence by the six gates, in their order."""
    return [gate(evidence, gates) for gate in GATES]


def f1_improvement(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when F1 gains `f1_improvement`, relative, and the ranking gains significantly.

    F1 alone depends on where two thresholds happen to lie: equal models pass in 4 of 10 cases, and
    better ones hardly more often. So the ranking must gain, too, with a p-value below `level`: see
    `ranking_test.gain`. The bounds of the gain in F1 are reported and not judged. Where the policy
    limits the flagged rows, both models flag equally many, because a champion that flags more would
    keep out every challenger that keeps the limit.
    """
    name = "f1_improvement"
    threshold = gates.f1_improvement
    champion_scores = evidence.champion_scores
    if evidence.champion_flags is None or champion_scores is None:
        return _not_applicable(name, threshold, "there is no champion to improve on")
    if not evidence.positives or not evidence.negatives:
        reason = "the window holds one class only, so F1 is not defined yet"
        return _insufficient(name, threshold, reason)
    if not _all_finite(champion_scores, evidence.challenger_scores):
        return _no_number(name, threshold)
    counts = table(evidence)
    observed = float(f1_gain(counts))
    low, high = bootstrap_f1_gain(
        counts,
        level=gates.level,
        resamples=gates.resamples,
    )
    ranking = gain(
        evidence.labels,
        champion_scores,
        evidence.challenger_scores,
    )
    return _result(
        name,
        threshold,
        observed,
        passes=observed >= threshold and ranking.p < gates.level,
        low=low,
        high=high,
        p=ranking.p,
        counts={"positives": evidence.positives, "rows": len(evidence.labels)},
        reason=f"{_f1_change(counts, observed)}{_equal_work(evidence)}; {_ranking(ranking)}",
        needs=f"at least {threshold:+.1%} and p < {gates.level}",
    )


def _f1_change(counts: NDArray[np.int64], relative_gain: float) -> str:
    champion, challenger = (float(value) for value in f1_scores(counts))
    return f"F1 {champion:.3f} → {challenger:.3f}, {relative_gain:+.1%}"


def _equal_work(evidence: Evidence) -> str:
    if not evidence.is_equal_work:
        return ""
    flagged = int(evidence.challenger_flags.sum())
    return f" (champion with at most {flagged:,} flagged rows, as many as the challenger)"


def _ranking(ranking: Gain) -> str:
    p = "p < 0.0001"
    if ranking.p >= 0.0001:
        p = f"p = {ranking.p:.4f}"
    return f"ranking test: {ranking.nats:+.4f} nats per row, {p}"


def brier(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the Brier score, mean (score - label)², rises by at most `brier_degradation`."""
    name = "brier"
    threshold = gates.brier_degradation
    champion_scores = evidence.champion_scores
    if champion_scores is None:
        return _not_applicable(name, threshold, "there is no champion to compare with")
    if not len(evidence.labels):
        return _insufficient(name, threshold, "no row is labelled")
    if not _all_finite(champion_scores, evidence.challenger_scores):
        return _no_number(name, threshold)
    champion_errors = (champion_scores - evidence.labels) ** 2
    challenger_errors = (evidence.challenger_scores - evidence.labels) ** 2
    difference = challenger_errors - champion_errors
    observed = float(difference.mean())
    low, high = confidence_intervals.mean(difference)
    return _result(
        name,
        threshold,
        observed,
        passes=observed <= threshold,
        low=low,
        high=high,
        reason=f"Brier score {observed:+.4f} against the champion",
        needs=f"at most {threshold:+.4f}",
    )


def samples(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass with `samples` labelled rows of which `positives` are positive; otherwise wait."""
    n = len(evidence.labels)
    positives = evidence.positives
    missing = []
    if n < gates.samples:
        missing.append(f"{gates.samples - n} more labelled rows")
    if positives < gates.positives:
        missing.append(f"{gates.positives - positives} more positives")
    return GateResult(
        name="samples",
        outcome=Outcome.INSUFFICIENT if missing else Outcome.PASS,
        threshold=gates.samples,
        observed=n,
        counts={"rows": n, "positives": positives, "negatives": evidence.negatives},
        reason=_waits_for(missing, f"{n:,} labelled rows, {positives:,} positive"),
    )


def label_coverage(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when `label_coverage` of the matured predictions is labelled; otherwise wait.

    With `band_coverage`, each band of scores must reach that share, too.
    """
    name = "label_coverage"
    threshold = gates.label_coverage
    predictions = evidence.predictions
    if evidence.champion_scores is None:
        return _not_applicable(name, threshold, "there are no predictions yet")
    if not predictions:
        return _insufficient(name, threshold, "the window holds no matured prediction")
    n = len(evidence.labels)
    observed = n / predictions
    low, high = confidence_intervals.wilson(n, predictions)
    reason = f"{n:,} of {predictions:,} matured predictions are labelled, {observed:.1%}"
    missing = []
    more = math.ceil(threshold * predictions) - n
    if more > 0:
        missing.append(f"{more:,} more labels")
    for band, (labelled, rows) in evidence.coverage.items():
        reason += f", of {band} scores {labelled / rows:.0%}"
        more = math.ceil(gates.band_coverage * rows) - labelled
        if more > 0:
            missing.append(f"{more:,} more labels of {band} scores")
    return GateResult(
        name=name,
        outcome=Outcome.INSUFFICIENT if missing else Outcome.PASS,
        threshold=threshold,
        observed=observed,
        low=low,
        high=high,
        counts={"labelled": n, "predictions": predictions},
        parts=evidence.coverage,
        reason=_waits_for(missing, reason),
    )


def recall(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger finds at least `recall` of the positives; without positives, wait.

    With `flagged_share`, it must not flag a larger share of the rows, because a model that flags
    every row finds all positives. With `slice_recall`, the worst slice that holds enough positives
    must reach it, too.
    """
    name = "recall"
    threshold = gates.recall
    positives = evidence.positives
    if not positives:
        return _insufficient(name, threshold, "no labelled row is positive")
    flags = evidence.challenger_flags
    is_hit = flags & (evidence.labels == 1)
    hits = int(is_hit.sum())
    observed = hits / positives
    low, high = confidence_intervals.wilson(hits, positives)
    flagged = flagged_share(flags, gates.flagged_share)
    reason = f"finds {hits:,} of {positives:,} positives, {observed:.1%}; {flagged}"
    precision = daily_precision(evidence)
    if precision:
        reason += f"; {in_words(precision)}"
    needs = f"at least {threshold:.1%}"
    parts = _recall_of_slices(evidence)
    worst = _worst_slice(parts, positives=gates.positives)
    passes = observed >= threshold
    if not flagged.is_within:
        passes = False
        needs += f", {flagged.needs}"
    if worst is not None:
        reason += f"; worst slice: {worst}"
    if worst is not None and worst.recall < gates.slice_recall:
        passes = False
        needs += f' and {gates.slice_recall:.1%} in slice "{worst.name}"'
    return _result(
        name,
        threshold,
        observed,
        passes=passes,
        low=low,
        high=high,
        counts={
            "found": hits,
            "positives": positives,
            "flagged": flagged.flagged,
            "rows": flagged.rows,
        },
        parts=parts,
        further=flagged.judged | as_values(precision),
        reason=reason,
        needs=needs,
    )


@dataclass(frozen=True)
class _Slice:
    name: str
    hits: int
    positives: int

    @property
    def recall(self) -> float:
        return self.hits / self.positives

    def __str__(self) -> str:
        return f'"{self.name}", recall {self.recall:.1%} (n = {self.positives:,})'


def _recall_of_slices(evidence: Evidence) -> Parts:
    """Count the positives found and all positives by slice, of slices that hold positives."""
    positive = evidence.labels == 1
    hit = positive & evidence.challenger_flags
    parts: Parts = {}
    for name, mask in evidence.slices.items():
        positives = int((mask & positive).sum())
        hits = int((mask & hit).sum())
        if positives:
            parts[name] = (hits, positives)
    return parts


def _worst_slice(parts: Parts, *, positives: int) -> _Slice | None:
    """Return the slice of lowest recall among those with enough positives."""
    slices = []
    for name, (hits, in_slice) in parts.items():
        if in_slice >= positives:
            slices.append(_Slice(name, hits, in_slice))
    return min(
        slices,
        key=lambda each: each.recall,
        default=None,
    )


def roc_auc(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger's ROC-AUC reaches `roc_auc`; with one class only, wait."""
    name = "roc_auc"
    threshold = gates.roc_auc
    positives = evidence.positives
    negatives = evidence.negatives
    if not positives or not negatives:
        return _insufficient(name, threshold, "the window holds one class only")
    if not _all_finite(evidence.challenger_scores):
        return _no_number(name, threshold)
    observed = float(roc_auc_score(evidence.labels, evidence.challenger_scores))
    low, high = confidence_intervals.roc_auc(observed, positives, negatives)
    return _result(
        name,
        threshold,
        observed,
        passes=observed >= threshold,
        low=low,
        high=high,
        reason=f"ROC-AUC {observed:.3f}",
        needs=f"at least {threshold:.3f}",
    )


GATES: tuple[Callable[[Evidence, Gates], GateResult], ...] = (
    f1_improvement,
    brier,
    samples,
    label_coverage,
    recall,
    roc_auc,
)


def _result(
    name: str,
    threshold: float,
    observed: float,
    *,
    passes: bool,
    low: float,
    high: float,
    p: float | None = None,
    counts: dict[str, int] | None = None,
    parts: Parts | None = None,
    further: Mapping[str, FurtherValue] | None = None,
    reason: str,
    needs: str,
) -> GateResult:
    """Pass or fail; a failure adds to the reason what the gate needs."""
    passes = passes and math.isfinite(observed)
    return GateResult(
        name=name,
        outcome=Outcome.PASS if passes else Outcome.FAIL,
        threshold=threshold,
        observed=observed,
        low=low,
        high=high,
        p=p,
        counts=counts or {},
        parts=parts or {},
        further=dict(further or {}),
        reason=reason if passes else f"{reason}; needs {needs}",
    )


def _insufficient(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(
        name=name,
        outcome=Outcome.INSUFFICIENT,
        threshold=threshold,
        reason=reason,
    )


def _no_number(name: str, threshold: float) -> GateResult:
    reason = "not every score is a finite number"
    return GateResult(
        name=name,
        outcome=Outcome.FAIL,
        threshold=threshold,
        reason=reason,
    )


def _not_applicable(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(
        name=name,
        outcome=Outcome.NOT_APPLICABLE,
        threshold=threshold,
        reason=reason,
    )


def _waits_for(missing: list[str], reason: str) -> str:
    if not missing:
        return reason
    return f"{reason}; waits for {' and '.join(missing)}"


def _all_finite(*scores: NDArray[np.float64]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in scores)
