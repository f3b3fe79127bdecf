"""The guard reports a new champion only when its live performance is surely worse than expected."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pipelines.records import LedgerEntry
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import judge
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.promotion.champion_guard import LivePerformance, guard_violations, on_probation
from pipelines.settings import ROOT
from pipelines.use_case import read_policy
from tests.unit.pipelines.rules.promotion.ledger_entries import BACK, FIRST, SECOND, THIRD, entry

POLICY = read_policy(ROOT / "reference" / "fraud")


def drawn(n: int, *, separation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a model that separates so well."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.05).astype(np.int8)
    return labels, 1 / (1 + np.exp(-(random.normal(size=n) + separation * labels - 3)))


def expected_gates() -> list[dict[str, Any]]:
    """The gates of a decision about a good model."""
    labels, scores = drawn(4000, separation=4, seed=1)
    evidence = Evidence(
        labels=labels, challenger_scores=scores, challenger_flags=scores >= 0.5, predictions=4000
    )
    return [result.as_dict() for result in judge(evidence, POLICY.gates)]


def live(
    *,
    n: int = 2000,
    separation: float = 4,
    predictions: int = 2000,
    flagged: float = 90,
    seed: int = 2,
) -> LivePerformance:
    """The live performance since."""
    labels, scores = drawn(n, separation=separation, seed=seed)
    return LivePerformance(
        predictions=predictions,
        flagged=flagged,
        outcomes=ScoreCounts.of(scores, scores >= 0.5, labels),
    )


@pytest.mark.parametrize(
    ("performance", "words"),
    [
        pytest.param(live(), [], id="it performs as expected"),
        pytest.param(live(n=0, predictions=0, flagged=0), [], id="there are no predictions yet"),
        pytest.param(
            live(separation=1.5),
            ["finds", "ROC-AUC"],
            id="it misses positives and ranks them worse",
        ),
        pytest.param(live(separation=1.5, n=100), [], id="too few positives to say so"),
        pytest.param(
            live(flagged=500),
            ["flags 25.0%"],
            id="it flags five times as many, and no label is needed",
        ),
        pytest.param(live(flagged=200), [], id="it flags twice as many"),
        pytest.param(live(flagged=125, predictions=499), [], id="too few predictions to say so"),
    ],
)
def test_live_performance(performance: LivePerformance, words: list[str]) -> None:
    violations = guard_violations(expected_gates(), performance, POLICY)
    assert len(violations) == len(words)
    assert all(word in text for word, text in zip(words, violations, strict=True))


def test_a_model_that_performs_as_expected_is_left_alone() -> None:
    violations = [
        guard_violations(expected_gates(), live(seed=seed), POLICY) for seed in range(200)
    ]
    assert sum(map(bool, violations)) <= 2


NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("history", "version"),
    [
        pytest.param([], None, id="nothing was promoted"),
        pytest.param([FIRST, SECOND], 2, id="the newest promotion"),
        pytest.param([FIRST, entry("INTENDED")], 1, id="an intention changes nothing"),
        pytest.param(
            [FIRST, SECOND, entry("ROLLED_BACK", before=2, after=3)],
            2,
            id="nor does an attempt that was rolled back",
        ),
        pytest.param([FIRST, SECOND, THIRD, BACK], None, id="after a rollback no version is"),
    ],
)
def test_the_version_on_probation(history: list[LedgerEntry], version: int | None) -> None:
    promotion = on_probation(history[::-1])
    assert (promotion and promotion.to_version) == version
