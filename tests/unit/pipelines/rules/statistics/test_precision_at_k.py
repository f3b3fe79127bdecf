"""Precision@k and Card Precision@k, by hand and against a count row by row."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.statistics.precision_at_k import (
    Workload,
    card_precision_at_k,
    precision_at_k,
)

Row = tuple[int, int, float, int]  # day, entity, score and label
# Few different scores, so that many are equal; −1 is an unknown entity.
ROWS = st.lists(
    st.tuples(
        st.integers(-2, 3),
        st.integers(-1, 4),
        st.sampled_from([0.1, 0.2, 0.5, 0.9]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=40,
)


def columns(rows: list[Row]) -> dict[str, np.ndarray]:
    days, entities, scores, labels = zip(*rows, strict=True)
    return {
        "labels": np.array(labels, np.int8),
        "scores": np.array(scores),
        "days": np.array(days, np.int64),
        "entities": np.array(entities, np.int64),
    }


def by_hand(rows: list[Row], k: int) -> float:
    """Precision@k, day by day and row by row."""
    days: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for day, _, score, label in rows:
        days[day].append((score, label))
    shares = []
    for of_day in days.values():
        top = sorted(of_day, key=lambda row: row[0], reverse=True)[:k]
        shares.append(sum(label for _, label in top) / len(top))
    return sum(shares) / len(shares)


def of_cards_by_hand(rows: list[Row], k: int) -> float:
    """Card Precision@k, day by day: one entry for each card, and found cards are left out."""
    found: set[object] = set()
    shares = []
    for day in sorted({row[0] for row in rows}):
        best: dict[object, float] = {}
        first: dict[object, int] = {}
        is_fraud: dict[object, int] = {}
        for number, (of_day, entity, score, label) in enumerate(rows):
            card: object = entity if entity >= 0 else f"row {number}"
            if of_day != day or card in found:
                continue
            if score > best.get(card, -1.0):
                best[card] = score
                first[card] = number
            is_fraud[card] = max(label, is_fraud.get(card, 0))
        if not best:
            continue
        top = sorted(best, key=lambda card: (-best[card], first[card]))[:k]
        shares.append(sum(is_fraud[card] for card in top) / len(top))
        found |= {card for card in top if is_fraud[card]}
    return sum(shares) / len(shares)


@given(ROWS, st.integers(1, 6))
def test_the_precision_is_that_of_a_count_by_hand(rows: list[Row], k: int) -> None:
    drawn = columns(rows)
    assert precision_at_k(drawn["labels"], drawn["scores"], drawn["days"], k) == pytest.approx(
        by_hand(rows, k)
    )


@given(ROWS, st.integers(1, 6))
def test_the_precision_of_cards_is_that_of_a_count_by_hand(rows: list[Row], k: int) -> None:
    assert card_precision_at_k(**columns(rows), k=k) == pytest.approx(of_cards_by_hand(rows, k))


@given(ROWS)
def test_with_rows_for_everyone_the_precision_is_the_mean_share_of_positives(
    rows: list[Row],
) -> None:
    drawn = columns(rows)
    shares = [drawn["labels"][drawn["days"] == day].mean() for day in np.unique(drawn["days"])]
    found = precision_at_k(drawn["labels"], drawn["scores"], drawn["days"], len(rows))
    assert found == pytest.approx(np.mean(shares))


@given(ROWS, st.integers(1, 6))
def test_cards_that_act_once_have_the_precision_of_rows(rows: list[Row], k: int) -> None:
    drawn = columns([(day, number, score, y) for number, (day, _, score, y) in enumerate(rows)])
    rows_only = precision_at_k(drawn["labels"], drawn["scores"], drawn["days"], k)
    assert card_precision_at_k(**drawn, k=k) == rows_only
    unknown = {**drawn, "entities": np.full(len(rows), -1)}
    assert card_precision_at_k(**unknown, k=k) == rows_only, "a row without a card is its own card"


@pytest.mark.parametrize(
    ("rows", "k", "of_rows", "of_cards"),
    [
        pytest.param(
            [(0, 1, 0.9, 1), (0, 1, 0.8, 1), (0, 2, 0.7, 0)],
            2,
            1.0,
            0.5,
            id="a card counts once a day",
        ),
        pytest.param(
            [(0, 1, 0.9, 0), (0, 1, 0.1, 1), (0, 2, 0.2, 0)],
            1,
            0.0,
            1.0,
            id="a card is fraudulent if any row of its day is",
        ),
        pytest.param(
            [(0, 1, 0.9, 1), (1, 1, 0.9, 1), (1, 2, 0.5, 0)],
            1,
            1.0,
            0.5,
            id="a card that was found is left out later",
        ),
        pytest.param(
            [(0, 2, 0.9, 0), (0, 1, 0.1, 1), (1, 1, 0.9, 1)],
            1,
            0.5,
            0.5,
            id="a fraudulent card that was not found stays in",
        ),
        pytest.param(
            [(0, 1, 0.9, 1), (1, 1, 0.9, 1)],
            1,
            1.0,
            1.0,
            id="a day on which only found cards act does not count",
        ),
        pytest.param(
            [(0, 1, 0.5, 1), (0, 2, 0.5, 0)], 1, 1.0, 1.0, id="the first of equal scores is taken"
        ),
        pytest.param([(0, 1, 0.5, 1)], 100, 1.0, 1.0, id="a short day counts with what it has"),
    ],
)
def test_small_days(rows: list[Row], k: int, of_rows: float, of_cards: float) -> None:
    drawn = columns(rows)
    workload = Workload(per_day=k, days=drawn["days"], entities=drawn["entities"])
    assert workload.precision(drawn["labels"], drawn["scores"]) == {
        f"precision_at_{k}": of_rows,
        f"card_precision_at_{k}": of_cards,
    }


def test_without_entities_only_rows_are_measured() -> None:
    workload = Workload(per_day=3, days=np.zeros(2, np.int64))
    assert workload.precision(np.array([0, 1], np.int8), np.array([0.1, 0.2])) == {
        "precision_at_3": 0.5
    }
