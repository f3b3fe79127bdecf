"""The six gates. Each is a pure function of the evidence; NaN and missing evidence never pass."""

import math
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from pipelines.rules.gates.evidence import Evidence, f1_scores, table
from pipelines.rules.gates.f1_gain import bootstrap_f1_gain, f1_gain
from pipelines.rules.gates.ranking_test import gain
from pipelines.rules.gates.score_bands import Parts
from pipelines.rules.gates.verdict import GateResult, Outcome
from pipelines.rules.statistics import confidence_intervals
from pipelines.rules.use_case.policy import Gates


def judge(evidence: Evidence, gates: Gates) -> list[GateResult]:
    """Put the evidence before the six gates, in their order."""
    return [gate(evidence, gates) for gate in GATES]


def f1_improvement(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when F1 gains `f1_improvement`, relative, and the challenger ranks better than chance explains at `level`.

    F1 alone depends on where two thresholds happen to lie: equal models pass it in 4 of 10 cases, and better ones hardly more
    often. So the gain must also be one of ranking, see `discrimination.gain`. The bounds of F1's gain are shown, not judged.
    """
    name, threshold = "f1_improvement", gates.f1_improvement
    if evidence.champion_flags is None or evidence.champion_scores is None:
        return _not_applicable(name, threshold, "there is no champion to improve on")
    if not evidence.positives or not evidence.negatives:
        return _insufficient(
            name, threshold, "the window holds one class only, so F1 says nothing yet"
        )
    if not np.isfinite([evidence.champion_scores, evidence.challenger_scores]).all():
        return _no_number(name, threshold)
    counts = table(evidence)
    observed = float(f1_gain(counts))
    low, high = bootstrap_f1_gain(counts, level=gates.level, resamples=gates.resamples)
    champion, challenger = (float(value) for value in f1_scores(counts))
    ranking = gain(evidence.labels, evidence.champion_scores, evidence.challenger_scores)
    p = f"p {ranking.p:.4f}" if ranking.p >= 0.0001 else "p below 0.0001"
    words = f"F1 {champion:.3f} → {challenger:.3f}, {observed:+.1%}; ranking {ranking.nats:+.4f} nats a row, {p}"
    passes = observed >= threshold and ranking.p < gates.level
    return GateResult(
        name=name, threshold=threshold, observed=observed, low=low, high=high, p=ranking.p,
        outcome=Outcome.PASS if passes else Outcome.FAIL,
        counts={"positives": evidence.positives, "rows": len(evidence.labels)},
        reason=words if passes else f"{words}; needs {threshold:+.1%} and p under {gates.level}",
    )  # fmt: skip


def brier(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the Brier score, mean (score - label)², rises by no more than `brier_degradation`."""
    name, threshold = "brier", gates.brier_degradation
    if evidence.champion_scores is None:
        return _not_applicable(name, threshold, "there is no champion to compare with")
    if not len(evidence.labels):
        return _insufficient(name, threshold, "no row is labelled")
    if not np.isfinite([evidence.champion_scores, evidence.challenger_scores]).all():
        return _no_number(name, threshold)
    difference = (evidence.challenger_scores - evidence.labels) ** 2 - (
        evidence.champion_scores - evidence.labels
    ) ** 2
    observed = float(difference.mean())
    low, high = confidence_intervals.mean(difference)
    return _compare(
        name, observed, threshold, passes=observed <= threshold, low=low, high=high,
        words=f"Brier score {observed:+.4f} against the champion", wanted=f"at most {threshold:+.4f}",
    )  # fmt: skip


def samples(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass with `samples` labelled rows of which `positives` are positive; otherwise wait for the rest."""
    n, positives = len(evidence.labels), evidence.positives
    counts = {"rows": n, "positives": positives, "negatives": evidence.negatives}
    missing = [
        f"{wanted - there} more {what}"
        for wanted, there, what in (
            (gates.samples, n, "labelled rows"),
            (gates.positives, positives, "positives"),
        )
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
    low, high = confidence_intervals.wilson(n, evidence.predictions)
    missing = math.ceil(threshold * evidence.predictions) - n
    words = f"{n:,} of {evidence.predictions:,} matured predictions are labelled, {observed:.1%}"
    wanted = [f"{missing:,} more labels"] if missing > 0 else []
    for band, (labelled, all_) in evidence.coverage.items():
        words += f", of {band} scores {labelled / all_:.0%}"
        if (missing := math.ceil(gates.band_coverage * all_) - labelled) > 0:
            wanted.append(f"{missing:,} more labels of {band} scores")
    return GateResult(
        name=name, threshold=threshold, observed=observed, low=low, high=high,
        counts={"labelled": n, "predictions": evidence.predictions}, parts=evidence.coverage,
        outcome=Outcome.INSUFFICIENT if wanted else Outcome.PASS,
        reason=f"{words}; waits for {' and '.join(wanted)}" if wanted else words,
    )  # fmt: skip


def recall(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger finds at least `recall` of the positives; without positives it waits."""
    name, threshold = "recall", gates.recall
    if not evidence.positives:
        return _insufficient(name, threshold, "no labelled row is positive")
    found, flagged = (
        int((evidence.challenger_flags & (evidence.labels == 1)).sum()),
        int(evidence.challenger_flags.sum()),
    )
    observed = found / evidence.positives
    low, high = confidence_intervals.wilson(found, evidence.positives)
    words, wanted, passes = (
        f"finds {found:,} of {evidence.positives:,} positives, {observed:.1%}",
        [f"{threshold:.1%}"],
        True,
    )
    parts = _recall_of_slices(evidence)
    judged = {name: hit / all_ for name, (hit, all_) in parts.items() if all_ >= gates.positives}
    if judged:
        worst = min(judged, key=judged.__getitem__)
        words += f"; worst {worst}: {judged[worst]:.1%} of {parts[worst][1]:,}"
        if judged[worst] < gates.slice_recall:
            passes, wanted = False, [*wanted, f"{gates.slice_recall:.1%} {worst}"]
    return _compare(
        name, observed, threshold, passes=passes and observed >= threshold, low=low, high=high, words=words,
        wanted=f"at least {' and '.join(wanted)}", parts=parts,
        counts={"found": found, "positives": evidence.positives, "flagged": flagged, "rows": len(evidence.labels)},
    )  # fmt: skip


def _recall_of_slices(evidence: Evidence) -> Parts:
    """How many positives of each slice are found, of how many; slices without positives are left out."""
    positive, found = evidence.labels == 1, evidence.challenger_flags
    counts = {
        name: (int((mask & positive & found).sum()), int((mask & positive).sum()))
        for name, mask in evidence.slices.items()
    }
    return {name: (hit, all_) for name, (hit, all_) in counts.items() if all_}


def roc_auc(evidence: Evidence, gates: Gates) -> GateResult:
    """Pass when the challenger's ROC-AUC reaches `roc_auc`; with one class only it waits."""
    name, threshold = "roc_auc", gates.roc_auc
    if not evidence.positives or not evidence.negatives:
        return _insufficient(name, threshold, "the window holds one class only")
    if not np.isfinite(evidence.challenger_scores).all():
        return _no_number(name, threshold)
    observed = float(roc_auc_score(evidence.labels, evidence.challenger_scores))
    low, high = confidence_intervals.roc_auc(observed, evidence.positives, evidence.negatives)
    return _compare(
        name, observed, threshold, passes=observed >= threshold, low=low, high=high,
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


def _compare(
    name: str,
    observed: float,
    threshold: float,
    *,
    passes: bool,
    low: float,
    high: float,
    words: str,
    wanted: str,
    counts: dict[str, int] | None = None,
    parts: Parts | None = None,
) -> GateResult:
    passes = passes and math.isfinite(observed)
    return GateResult(
        name=name, threshold=threshold, observed=observed, low=low, high=high, counts=counts or {}, parts=parts or {},
        outcome=Outcome.PASS if passes else Outcome.FAIL, reason=words if passes else f"{words}; needs {wanted}",
    )  # fmt: skip


def _insufficient(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(name=name, threshold=threshold, outcome=Outcome.INSUFFICIENT, reason=reason)


def _no_number(name: str, threshold: float) -> GateResult:
    return GateResult(
        name=name, threshold=threshold, outcome=Outcome.FAIL, reason="not every score is a number"
    )


def _not_applicable(name: str, threshold: float, reason: str) -> GateResult:
    return GateResult(name=name, threshold=threshold, outcome=Outcome.NOT_APPLICABLE, reason=reason)
