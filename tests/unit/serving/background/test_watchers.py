"""Every scorer that is served has watchers, made once."""

from __future__ import annotations

from typing import Any, cast

from serving.background.watchers import UseCaseWatchers, Watchers
from serving.scoring import UseCaseScorer


def test_a_scorer_gets_its_watchers_when_it_is_seen_first_and_keeps_them():
    scorers: list[UseCaseScorer] = [cast("UseCaseScorer", object())]
    asked: list[UseCaseScorer] = []

    def make(scorer: UseCaseScorer) -> UseCaseWatchers:
        asked.append(scorer)
        return UseCaseWatchers(cast("Any", scorer), cast("Any", None))

    watchers = Watchers(lambda: scorers, make)
    (first,) = watchers()
    assert watchers() == [first]
    scorers.append(cast("UseCaseScorer", object()))
    again, second = watchers()
    assert again is first
    assert second.model is scorers[1]
    assert asked == scorers
