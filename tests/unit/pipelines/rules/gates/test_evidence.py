"""Evidence: its hash changes with every part of it, and its paired counts give both F1 scores."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.gates.evidence import Evidence, f1_scores, table
from pipelines.rules.statistics.precision_at_k import Workload

LABELS = np.array([1, 1, 0, 0], np.int8)
SCORES = np.array([0.9, 0.2, 0.7, 0.1])
EVIDENCE = Evidence(
    labels=LABELS,
    challenger_scores=SCORES,
    challenger_flags=SCORES >= 0.5,
    champion_scores=SCORES / 2,
    champion_flags=SCORES / 2 >= 0.4,
    predictions=10,
    coverage={"high": (2, 3)},
    slices={"large": np.array([True, False, False, True])},
)
WORKLOAD = Workload(per_day=2, days=np.array([1, 1, 2, 2]))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"labels": 1 - LABELS}, id="the labels"),
        pytest.param({"challenger_scores": SCORES + 1e-9}, id="one model's scores"),
        pytest.param({"challenger_flags": SCORES >= 0.1}, id="its flags"),
        pytest.param({"champion_scores": SCORES}, id="the other model's scores"),
        pytest.param({"champion_flags": SCORES >= 0.1}, id="the other's flags"),
        pytest.param({"champion_scores": None, "champion_flags": None}, id="that there is another"),
        pytest.param({"predictions": 11}, id="how many predictions matured"),
        pytest.param({"coverage": {"high": (3, 3)}}, id="how many of a band have labels"),
        pytest.param({"coverage": {}}, id="the bands"),
        pytest.param({"slices": {"small": EVIDENCE.slices["large"]}}, id="a slice's name"),
        pytest.param({"slices": {"large": ~EVIDENCE.slices["large"]}}, id="a slice's rows"),
        pytest.param({"workload": WORKLOAD}, id="that rows of a day are investigated"),
    ],
)
def test_the_hash_changes_with(change: dict[str, object]) -> None:
    assert replace(EVIDENCE, **change).hash != EVIDENCE.hash  # type: ignore[arg-type]


def test_equal_evidence_has_an_equal_hash_in_whatever_order_slices_are_named() -> None:
    masks = {"large": EVIDENCE.slices["large"], "all": np.ones(4, bool)}
    there = replace(EVIDENCE, slices=masks)
    back = replace(EVIDENCE, slices=dict(reversed(masks.items())), labels=LABELS.copy())
    assert there.hash == back.hash


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"per_day": 3}, id="how many are investigated"),
        pytest.param({"days": np.array([1, 1, 1, 2])}, id="the days"),
        pytest.param({"entities": np.array([0, 1, 0, -1])}, id="the entities"),
    ],
)
def test_the_hash_changes_with_the_workload(change: dict[str, object]) -> None:
    before = replace(EVIDENCE, workload=WORKLOAD)
    after = replace(EVIDENCE, workload=replace(WORKLOAD, **change))  # type: ignore[arg-type]
    assert before.hash != after.hash


def test_evidence_without_a_workload_has_the_hash_of_earlier_releases() -> None:
    recorded = "359025ce467d2901aee5edb71e3ed85a21a06a43237f896f4ff4e5ab371f9446"
    assert EVIDENCE.hash == recorded


def test_labels_are_counted_by_class() -> None:
    assert (EVIDENCE.positives, EVIDENCE.negatives) == (2, 2)


def test_paired_counts_need_a_champion() -> None:
    alone = replace(EVIDENCE, champion_scores=None, champion_flags=None)
    with pytest.raises(ValueError, match="paired counts need a champion"):
        table(alone)


def f1_by_hand(labels: np.ndarray, flags: np.ndarray) -> float:
    hits = int((labels & flags).sum())
    either = int(labels.sum() + flags.sum())
    return 2 * hits / either if either else 0.0


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1))
def test_f1_from_counts_is_that_of_the_rows(rows: list[tuple[bool, bool, bool]]) -> None:
    labels, champion, challenger = np.array(rows).T
    evidence = Evidence(
        labels=labels.astype(np.int8),
        challenger_scores=challenger.astype(float),
        challenger_flags=challenger,
        champion_scores=champion.astype(float),
        champion_flags=champion,
        predictions=len(rows),
    )
    counts = table(evidence)
    assert counts.sum() == len(rows)
    both = f1_scores(counts)
    assert [float(one) for one in both] == pytest.approx(
        [f1_by_hand(labels, champion), f1_by_hand(labels, challenger)]
    )
