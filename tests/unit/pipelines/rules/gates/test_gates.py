"""The six gates at their thresholds, on both sides of them, and without evidence."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rules.gates.evidence import Evidence, f1_scores, table
from pipelines.rules.gates.gates import (
    brier,
    f1_improvement,
    judge,
    label_coverage,
    recall,
    roc_auc,
    samples,
)
from pipelines.rules.gates.verdict import GateResult, Outcome, Verdict, verdict
from pipelines.rules.use_case.policy_sections.gates import Gates

GATES = Gates(
    f1_improvement=0.02,
    level=0.03,
    resamples=500,
    brier_degradation=0.01,
    samples=200,
    positives=20,
    label_coverage=0.3,
    recall=0.4,
    roc_auc=0.72,
)


def evidence(
    n: int = 1000,
    positives: int = 100,
    *,
    found: int = 80,
    champion_found: int | None = 60,
    predictions: int = 2000,
) -> Evidence:
    """The first `positives` rows are positive.

    Each model finds the first `found` or `champion_found` of them, and raises 20 false alarms.
    """
    labels = np.zeros(n, np.int8)
    labels[:positives] = 1

    def scores(hits: int) -> np.ndarray:
        values = np.full(n, 0.1)
        values[:hits] = 0.9
        values[positives : positives + 20] = 0.9
        return values

    challenger = scores(found)
    champion = None if champion_found is None else scores(champion_found)
    return Evidence(
        labels=labels,
        challenger_scores=challenger,
        challenger_flags=challenger >= 0.5,
        champion_scores=champion,
        champion_flags=None if champion is None else champion >= 0.5,
        predictions=predictions,
    )


@pytest.mark.parametrize(
    ("gate", "rows", "outcome"),
    [
        pytest.param(
            f1_improvement, evidence(found=80), Outcome.PASS, id="a clear gain in F1 passes"
        ),
        pytest.param(f1_improvement, evidence(found=60), Outcome.FAIL, id="an equal F1 fails"),
        pytest.param(
            f1_improvement, evidence(found=62), Outcome.FAIL, id="a gain that chance explains fails"
        ),
        pytest.param(
            f1_improvement,
            evidence(champion_found=None),
            Outcome.NOT_APPLICABLE,
            id="without a champion F1 is free",
        ),
        pytest.param(
            f1_improvement,
            evidence(positives=0, found=0, champion_found=0),
            Outcome.INSUFFICIENT,
            id="no positives wait",
        ),
        pytest.param(
            f1_improvement,
            evidence(found=80, champion_found=0),
            Outcome.PASS,
            id="a champion that finds nothing is beaten",
        ),
        pytest.param(brier, evidence(found=60), Outcome.PASS, id="an equal Brier score passes"),
        pytest.param(brier, evidence(found=20), Outcome.FAIL, id="a worse Brier score fails"),
        pytest.param(
            brier,
            evidence(champion_found=None),
            Outcome.NOT_APPLICABLE,
            id="without a champion Brier is free",
        ),
        pytest.param(
            samples,
            evidence(n=200, positives=20, found=20),
            Outcome.PASS,
            id="exactly enough samples pass",
        ),
        pytest.param(
            samples,
            evidence(n=199, positives=20, found=20),
            Outcome.INSUFFICIENT,
            id="one sample less waits",
        ),
        pytest.param(
            samples,
            evidence(n=200, positives=19, found=19),
            Outcome.INSUFFICIENT,
            id="one positive less waits",
        ),
        pytest.param(
            label_coverage,
            evidence(n=300, predictions=1000),
            Outcome.PASS,
            id="exactly 30 % coverage passes",
        ),
        pytest.param(
            label_coverage,
            evidence(n=299, predictions=1000),
            Outcome.INSUFFICIENT,
            id="just under 30 % waits",
        ),
        pytest.param(
            label_coverage, evidence(predictions=0), Outcome.INSUFFICIENT, id="no predictions wait"
        ),
        pytest.param(
            label_coverage,
            evidence(champion_found=None),
            Outcome.NOT_APPLICABLE,
            id="coverage needs predictions",
        ),
        pytest.param(recall, evidence(found=40), Outcome.PASS, id="recall at the floor passes"),
        pytest.param(recall, evidence(found=39), Outcome.FAIL, id="recall under the floor fails"),
        pytest.param(
            recall,
            evidence(positives=0, found=0),
            Outcome.INSUFFICIENT,
            id="recall without positives waits",
        ),
        pytest.param(roc_auc, evidence(found=80), Outcome.PASS, id="a good ROC-AUC passes"),
        pytest.param(roc_auc, evidence(found=10), Outcome.FAIL, id="a poor ROC-AUC fails"),
        pytest.param(
            roc_auc,
            evidence(n=100, positives=100, found=50),
            Outcome.INSUFFICIENT,
            id="one class only waits",
        ),
    ],
)
def test_a_gate(gate: object, rows: Evidence, outcome: Outcome) -> None:
    result: GateResult = gate(rows, GATES)  # type: ignore[operator]
    assert result.outcome is outcome, result.reason
    assert result.reason


def test_an_insufficient_gate_says_how_many_labels_are_missing() -> None:
    assert (
        "1 more labelled rows and 1 more positives"
        in samples(evidence(n=199, positives=19, found=0), GATES).reason
    )
    assert (
        "waits for 1 more labels" in label_coverage(evidence(n=299, predictions=1000), GATES).reason
    )


@pytest.mark.parametrize("gate", [brier, roc_auc])
def test_scores_that_are_not_numbers_never_pass(gate: object) -> None:
    good = evidence()
    broken = replace(good, challenger_scores=np.full(len(good.labels), math.nan))
    result: GateResult = gate(broken, GATES)  # type: ignore[operator]
    assert result.outcome is Outcome.FAIL
    assert result.as_dict()["observed"] is None


SIDES = ("challenger_scores", "champion_scores")


def drawn(seed: int, n: int = 300) -> Evidence:
    """Rows on which the challenger sees more than the champion."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(np.int8)
    labels[:2] = 0, 1
    champion, challenger = (
        1 / (1 + np.exp(-(random.normal(size=n) + more * (labels - 0.5)))) for more in (1.0, 2.5)
    )
    return Evidence(
        labels=labels,
        challenger_scores=challenger,
        challenger_flags=challenger >= 0.5,
        champion_scores=champion,
        champion_flags=champion >= 0.5,
        predictions=2 * n,
    )


def reordered(of: Evidence, order: np.ndarray) -> Evidence:
    """The same rows in another order."""
    fields = (
        "labels",
        "challenger_scores",
        "challenger_flags",
        "champion_scores",
        "champion_flags",
    )
    return replace(of, **{name: getattr(of, name)[order] for name in fields})


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(SIDES),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
@settings(max_examples=30, deadline=None)
def test_one_score_that_is_no_number_keeps_the_challenger_out(
    seed: int, side: str, broken: float
) -> None:
    good = drawn(seed)
    scores = getattr(good, side).copy()
    scores[seed % len(scores)] = broken
    decided, _ = verdict(judge(replace(good, **{side: scores}), GATES))
    assert decided is not Verdict.APPROVED


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_changes_no_gate(seed: int) -> None:
    good = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(good.labels))
    for one, other in zip(judge(good, GATES), judge(reordered(good, order), GATES), strict=True):
        assert one.outcome is other.outcome
        assert one.observed == pytest.approx(other.observed, abs=1e-12)


LOOSER = {
    "f1_improvement": [("f1_improvement", 0.01), ("level", 0.2)],
    "brier": [("brier_degradation", 0.05)],
    "samples": [("samples", 100), ("positives", 5)],
    "label_coverage": [("label_coverage", 0.1)],
    "recall": [("recall", 0.2), ("flagged_share", 0.5)],
    "roc_auc": [("roc_auc", 0.6)],
}


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_looser_threshold_never_stops_what_a_stricter_one_let_pass(seed: int) -> None:
    rows = drawn(seed)
    for result in judge(rows, GATES):
        for setting, value in LOOSER[result.name]:
            again = {
                r.name: r for r in judge(rows, msgspec.structs.replace(GATES, **{setting: value}))
            }[result.name]
            assert result.outcome is not Outcome.PASS or again.outcome is Outcome.PASS


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_better_challenger_never_fails_a_gate_that_a_worse_one_passes(seed: int) -> None:
    """The better one's scores all lie nearer to their labels."""
    worse = drawn(seed)
    nearer = worse.challenger_scores + 0.2 * (worse.labels - worse.challenger_scores)
    better = replace(worse, challenger_scores=nearer, challenger_flags=nearer >= 0.5)
    for before, after in zip(judge(worse, GATES), judge(better, GATES), strict=True):
        assert before.outcome is not Outcome.PASS or after.outcome is Outcome.PASS, after.name


def test_a_gain_in_f1_without_a_gain_in_ranking_fails() -> None:
    """The challenger is the champion with a better threshold: that is no better model."""
    good = drawn(11)
    assert good.champion_scores is not None
    same = replace(
        good,
        challenger_scores=good.champion_scores,
        challenger_flags=good.champion_scores >= 0.5,
        champion_flags=good.champion_scores >= 0.95,
    )
    result = f1_improvement(same, GATES)
    assert result.observed is not None
    assert result.observed > 1
    assert (result.outcome, result.p) == (Outcome.FAIL, 1.0)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param(["PASS", "PASS"], Verdict.APPROVED, id="all pass"),
        pytest.param(
            ["PASS", "NOT_APPLICABLE"], Verdict.APPROVED, id="what does not apply does not hinder"
        ),
        pytest.param(["PASS", "INSUFFICIENT"], Verdict.INSUFFICIENT, id="waiting is not approval"),
        pytest.param(["FAIL", "INSUFFICIENT"], Verdict.REJECTED, id="a failure outweighs waiting"),
    ],
)
def test_the_verdict(outcomes: list[str], expected: Verdict) -> None:
    results = [
        GateResult(name=f"g{i}", outcome=Outcome(o), threshold=0, reason="why")
        for i, o in enumerate(outcomes)
    ]
    decided, reason = verdict(results)
    assert decided is expected
    assert reason


def test_the_six_gates_are_judged_in_their_order() -> None:
    names = [result.name for result in judge(evidence(), GATES)]
    assert names == ["f1_improvement", "brier", "samples", "label_coverage", "recall", "roc_auc"]


@given(st.integers(0, 2**32 - 1), st.integers(30, 200))
@settings(max_examples=40, deadline=None)
def test_f1_from_eight_counts_is_f1_from_the_rows(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    labels, one, two = (draw.integers(0, 2, n).astype(np.int8) for _ in range(3))
    values = f1_scores(
        table(
            Evidence(
                labels=labels,
                challenger_scores=two.astype(float),
                challenger_flags=two == 1,
                champion_scores=one.astype(float),
                champion_flags=one == 1,
                predictions=n,
            )
        )
    )
    for value, says in zip(values, (one, two), strict=True):
        tp = int(((labels == 1) & (says == 1)).sum())
        errors = int((labels != says).sum())
        assert value == pytest.approx(2 * tp / max(2 * tp + errors, 1))


def test_the_same_evidence_gives_the_same_bounds_and_the_same_name() -> None:
    assert f1_improvement(evidence(), GATES) == f1_improvement(evidence(), GATES)
    assert evidence().hash == evidence().hash
    assert evidence().hash != evidence(found=81).hash
    assert evidence().hash != evidence(predictions=2001).hash


def test_equally_good_models_are_rarely_promoted_on_f1() -> None:
    draw = np.random.default_rng(3)
    passed = 0
    repetitions = 300
    for _ in range(repetitions):
        labels = (draw.random(1000) < 0.05).astype(np.int8)
        shared = draw.normal(size=1000) + 1.8 * labels
        one, two = ((0.9 * shared + 0.44 * draw.normal(size=1000)) for _ in range(2))
        rows = Evidence(
            labels=labels,
            challenger_scores=two,
            challenger_flags=two > 1.6,
            champion_scores=one,
            champion_flags=one > 1.6,
            predictions=1000,
        )
        passed += f1_improvement(rows, GATES).outcome is Outcome.PASS
    assert (
        passed / repetitions <= 0.07
    )  # nominal 3 %; 7 % is three standard errors of 300 repetitions above
