"""Counts piece by piece are the counts of the whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.monitoring.binning import SCORE_BINS, Profile, count, profile
from pipelines.rules.monitoring.rollup import PredictionBatch, Rollup

HOUR = 3_600_000_000
NOW = 4 * HOUR
SINCE = 3 * HOUR
PROFILES = {"x": profile(np.random.default_rng(0).normal(size=500)), "y": Profile([0.5], [])}


def batch(n: int, seed: int) -> PredictionBatch:
    draw = np.random.default_rng(seed)
    known = draw.random(n) > 0.1
    features = draw.normal(size=(int(known.sum()), 2))
    features[draw.random(features.shape) < 0.1] = np.nan
    return PredictionBatch(
        scored_at=draw.integers(0, 5 * HOUR, n),
        version=draw.integers(1, 3, n),
        score=draw.random(n),
        flag=draw.integers(0, 2, n),
        known=known,
        features=features,
    )


def collected(rollup: Rollup) -> dict[tuple[object, ...], int]:
    found = rollup.features()
    keys = zip(found["buckets"], found["versions"], found["features"], found["bins"], strict=True)
    return dict(zip(keys, found["counts"], strict=True))


def part(of: PredictionBatch, where: np.ndarray) -> PredictionBatch:
    return PredictionBatch(
        scored_at=of.scored_at[where],
        version=of.version[where],
        score=of.score[where],
        flag=of.flag[where],
        known=of.known[where],
        features=of.features[where[of.known]],
    )


@given(st.integers(0, 300), st.integers(0, 2**32), st.integers(1, 5))
def test_pieces_add_up_to_the_whole(n: int, seed: int, pieces: int) -> None:
    everything = batch(n, seed)
    whole, piecewise = Rollup(PROFILES, HOUR, NOW, SINCE), Rollup(PROFILES, HOUR, NOW, SINCE)
    whole.add(everything)
    belongs = np.random.default_rng(seed).integers(0, pieces, n)
    for number in range(pieces):
        piecewise.add(part(everything, belongs == number))
    assert collected(whole) == collected(piecewise)
    assert (
        (whole.rows, whole.foreign)
        == (piecewise.rows, piecewise.foreign)
        == (n, int((~everything.known).sum()))
    )
    scores = [rollup.scores() for rollup in (whole, piecewise)]
    assert sum(scores[0]["counts"]) == n
    assert np.isclose(sum(scores[0]["scores"]), everything.score.sum())
    assert sorted(
        zip(
            *(scores[0][k] for k in ("buckets", "versions", "flags", "bins", "counts")), strict=True
        )
    ) == sorted(
        zip(
            *(scores[1][k] for k in ("buckets", "versions", "flags", "bins", "counts")), strict=True
        )
    )


def test_a_bucket_and_version_holds_what_a_direct_count_finds() -> None:
    everything = batch(5000, 1)
    rollup = Rollup(PROFILES, HOUR, NOW, SINCE)
    rollup.add(everything)
    here = (everything.scored_at // HOUR == 2) & (everything.version == 1)
    direct = count(part(everything, here).features[:, 0], PROFILES["x"].edges)
    found = collected(rollup)
    assert [found.get((2 * HOUR, 1, "x", at - 1), 0) for at in range(len(direct))] == direct


def test_answers_from_the_future_are_counted_but_for_what_clocks_may_differ() -> None:
    rollup = Rollup({}, HOUR, NOW, SINCE)
    at = np.array([NOW, NOW + 30_000_000, NOW + 90_000_000, NOW + HOUR])
    zeros = np.zeros(4, np.int64)
    rollup.add(
        PredictionBatch(
            scored_at=at,
            version=zeros,
            score=zeros / 1.0,
            flag=zeros,
            known=zeros > 0,
            features=np.empty((0, 0)),
        )
    )
    assert (rollup.rows, rollup.ahead, rollup.recent) == (4, 2, 4)


def test_recent_predictions_are_those_of_the_window() -> None:
    rollup = Rollup(PROFILES, HOUR, NOW, SINCE)
    first = batch(200, 3)
    second = batch(100, 4)
    rollup.add(first)
    rollup.add(second)
    expected = sum(int((part.scored_at >= SINCE).sum()) for part in (first, second))
    assert rollup.recent == expected


def test_kept_counts_are_let_go_and_the_rows_remembered() -> None:
    rollup = Rollup(PROFILES, HOUR, NOW, SINCE)
    rollup.add(batch(100, 2))
    rollup.clear()
    assert (rollup.cells, rollup.rows, collected(rollup)) == (0, 100, {})


def test_scores_of_0_and_1_have_a_bin() -> None:
    rollup = Rollup({}, HOUR, NOW, SINCE)
    edge = np.array([0.0, 1.0, 0.5])
    zeros = np.zeros(3, np.int64)
    rollup.add(
        PredictionBatch(
            scored_at=zeros,
            version=zeros,
            score=edge,
            flag=zeros,
            known=zeros > 0,
            features=np.empty((0, 0)),
        )
    )
    assert sorted(rollup.scores()["bins"]) == [0, SCORE_BINS // 2, SCORE_BINS - 1]
