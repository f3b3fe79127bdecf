"""The champion flags as much as the challenger, so that a limit on flags keeps no challenger out."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.gates.equal_workload import highest
from pipelines.rules.gates.evidence import Evidence
from pipelines.rules.gates.gates import f1_improvement
from pipelines.rules.gates.verdict import Outcome
from pipelines.rules.use_case.policy_sections.gates import Gates

SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.9]) | st.floats(0, 1), min_size=1, max_size=40)


@given(SCORES, st.integers(0, 50))
def test_the_highest_scores_are_flagged_and_equal_ones_together(
    drawn: list[float], flagged: int
) -> None:
    scores = np.array(drawn)
    flags = highest(scores, flagged)
    assert flags.sum() <= flagged
    if flags.all():
        return
    best_without = scores[~flags].max()
    assert not flags.any() or scores[flags].min() > best_without
    assert (scores >= best_without).sum() > flagged, "one more level would be too many"


def test_a_better_ranking_wins_with_fewer_flags() -> None:
    """At its own threshold the champion finds more, because it flags five times as many rows."""
    random = np.random.default_rng(3)
    labels = (random.random(4000) < 0.1).astype(np.int8)
    champion, challenger = (more * labels + random.normal(size=4000) for more in (2.0, 3.0))
    own = Evidence(
        labels=labels,
        challenger_scores=challenger,
        challenger_flags=highest(challenger, 80),
        champion_scores=champion,
        champion_flags=highest(champion, 400),
        predictions=4000,
    )
    gates = Gates(resamples=200)
    assert f1_improvement(own, gates).outcome is Outcome.FAIL
    equal = replace(own, champion_flags=highest(champion, 80), is_equal_work=True)
    result = f1_improvement(equal, gates)
    assert result.outcome is Outcome.PASS
    assert "(champion with at most 80 flagged rows, as many as the challenger)" in result.reason
