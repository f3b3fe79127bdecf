"""Each check of a whole data set finds its fault, and reports nothing on good data."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.data.dataset_checks import (
    Common,
    copies,
    label_share,
    leaks,
    missing,
    outside,
    separation,
    skew,
    stale,
)

NAMES = ("a", "b", "c")
N = 2000


@pytest.fixture
def noise() -> np.random.Generator:
    return np.random.default_rng(3)


def test_missing_is_measured_against_what_the_baseline_lacks(noise: np.random.Generator) -> None:
    features = noise.normal(size=(N, 3))
    features[: N // 2, 0] = np.nan  # as in the baseline
    features[: N // 5, 1] = np.nan
    (finding,) = missing(features, np.array([0.5, 0.0, 0.0]), NAMES, share=0.05)
    assert (finding.columns, finding.verdict, finding.rows) == (("b",), "REJECTED", (0, 1, 2, 3, 4))
    assert (finding.observed, finding.threshold) == (0.2, 0.05)


def test_values_beyond_the_baselines_are_a_warning(noise: np.random.Generator) -> None:
    baseline = noise.uniform(0, 1, size=(N, 3))
    features = baseline.copy()
    features[-300:, 2] += 10
    (finding,) = outside(features, baseline, NAMES, share=0.05)
    assert (finding.columns, finding.verdict, finding.rows[0]) == (("c",), "", N - 300)


def test_a_column_that_is_empty_in_the_baseline_is_not_compared(noise: np.random.Generator) -> None:
    baseline = np.full((N, 3), np.nan)
    assert list(outside(noise.normal(size=(N, 3)), baseline, NAMES, share=0.0)) == []


@pytest.mark.parametrize(
    "factor", [1.0, 100.0, -1.0], ids=["the same", "in other units", "inverted"]
)
def test_a_copied_column_is_found_in_any_units(noise: np.random.Generator, factor: float) -> None:
    features = noise.normal(size=(N, 3))
    features[:, 2] = factor * features[:, 0]
    (finding,) = copies(features, NAMES)
    assert (finding.check, finding.columns, finding.verdict) == ("copy", ("a", "c"), "")


def test_columns_that_go_together_are_no_copies(noise: np.random.Generator) -> None:
    features = noise.normal(size=(N, 3))
    features[:, 1] = features[:, 0] + 0.01 * noise.normal(size=N)
    assert list(copies(features, NAMES)) == []


def test_a_constant_column_is_reported_and_is_no_copy(noise: np.random.Generator) -> None:
    features = noise.normal(size=(N, 3))
    # The means of these columns are not exactly the values.
    features[:, 0] = 0.1
    features[:, 1] = 123.456
    assert [(finding.check, finding.columns) for finding in copies(features, NAMES)] == [
        ("constant", ("a",)),
        ("constant", ("b",)),
    ]


def test_columns_with_gaps_are_compared_and_an_empty_one_is_reported(
    noise: np.random.Generator,
) -> None:
    features = noise.normal(size=(N, 3))
    features[:, 1] = 10 * features[:, 0]
    features[::3, :2] = np.nan
    features[:, 2] = np.nan
    empty, copy = copies(features, NAMES)
    assert (empty.reason, copy.columns) == ("c: it is missing in every row", ("a", "b"))


@pytest.mark.parametrize("order", [[1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], ids=str)
def test_a_leak_is_found_in_any_order_of_the_classes(order: list[int]) -> None:
    labels = np.array(order * 500, np.int8)
    assert separation(labels.astype(float), labels) == 1.0


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(lambda labels, noise: labels + 0.1 * noise, id="higher for positives"),
        pytest.param(lambda labels, noise: -(labels + 0.1 * noise), id="lower for positives"),
        pytest.param(
            lambda labels, noise: np.where(labels == 1, 0.0, np.sign(noise) * (1 + np.abs(noise))),
            id="in the middle",
        ),
        pytest.param(
            lambda labels, noise: np.where(labels == 1, np.nan, noise), id="missing for positives"
        ),
        pytest.param(
            lambda labels, noise: np.where(labels == 1, noise, np.nan),
            id="there for positives only",
        ),
    ],
)
def test_a_feature_that_alone_predicts_the_label_is_found(
    noise: np.random.Generator, leak: object
) -> None:
    features = noise.normal(size=(N, 3))
    labels = (noise.random(N) < 0.03).astype(np.int8)
    features[:, 1] = leak(labels, np.clip(noise.normal(size=N), -3, 3))  # type: ignore[operator]
    (finding,) = leaks(features, labels, NAMES, auc=0.99)
    assert (finding.columns, finding.verdict) == (("b",), "REJECTED")
    assert all(labels[row] == 1 for row in finding.rows)


def test_unknown_labels_are_no_evidence_of_a_leak(noise: np.random.Generator) -> None:
    features = noise.normal(size=(N, 3))
    labels = (noise.random(N) < 0.5).astype(np.int8)
    features[:, 0] = labels
    labels[30:] = -1
    assert list(leaks(features, labels, NAMES, auc=0.99)) == []


@given(st.integers(20, 200), st.integers(100, 3000), st.integers(0, 2**32 - 1))
def test_noise_is_never_taken_for_a_leak(positives: int, negatives: int, seed: int) -> None:
    labels = np.repeat([1, 0], [positives, negatives]).astype(np.int8)
    assert separation(np.random.default_rng(seed).normal(size=len(labels)), labels) < 0.95


def test_separation_of_two_shifted_bells_is_their_roc_auc(noise: np.random.Generator) -> None:
    labels = np.repeat([0, 1], [100_000, 20_000]).astype(np.int8)
    assert separation(noise.normal(size=120_000) + 1.8 * labels, labels) == pytest.approx(
        0.8985, abs=0.005
    )


@pytest.mark.parametrize(
    ("positives", "said"),
    [
        pytest.param(20, "", id="as many as usual"),
        pytest.param(150, "", id="more, within the factor"),
        pytest.param(1980, "frequent", id="inverted labels"),
        pytest.param(0, "rare", id="none at all"),
    ],
)
def test_the_share_of_positives_is_compared_with_the_baselines(positives: int, said: str) -> None:
    labels = np.repeat([1, 0], [positives, N - positives]).astype(np.int8)
    findings = list(label_share(labels, 0.02, "is_fraud", factor=9 if said != "rare" else 3))
    assert [said in each.reason for each in findings] == ([True] if said else [])


def test_inverted_labels_are_found_where_positives_are_common_too() -> None:
    labels = np.repeat([1, 0], [1560, 440]).astype(np.int8)
    (finding,) = label_share(labels, 0.22, "is_bad", factor=10)
    assert "frequent" in finding.reason


def test_few_labels_are_no_evidence_of_their_share() -> None:
    assert list(label_share(np.zeros(200, np.int8), 0.01, "is_fraud", factor=10)) == []


def test_a_feature_served_otherwise_than_ingested_is_skew(noise: np.random.Generator) -> None:
    logged = noise.normal(size=(100, 3))
    ingested = logged.copy()
    logged[0, 0] += 1  # one correction is none
    logged[40:60, 1] *= 100
    logged[5:10, 2] = ingested[5:10, 2] = np.nan  # missing in both is the same
    (finding,) = skew(Common(np.arange(500, 600), logged, ingested), NAMES, share=0.01)
    assert (finding.columns, finding.observed, finding.rows[0]) == (("b",), 0.2, 540)


@pytest.mark.parametrize("n", [20, 50, 99])
def test_one_correction_among_few_rows_is_no_skew(n: int) -> None:
    logged = np.zeros((n, 3))
    ingested = logged.copy()
    ingested[0, 0] = 1
    assert list(skew(Common(np.arange(n), logged, ingested), NAMES, share=0.01)) == []


def test_a_stale_prediction_log_waits_for_new_rows() -> None:
    newest = np.datetime64("2026-01-01T00:00:00", "us")
    due = np.datetime64("2026-01-20T00:00:00", "us")
    (finding,) = stale(newest, due, limit=timedelta(days=14))
    assert (finding.verdict, "19.0 days" in finding.reason) == ("INSUFFICIENT", True)
    assert list(stale(newest, due, limit=timedelta(days=19))) == []
