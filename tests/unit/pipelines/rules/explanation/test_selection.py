"""Which predictions a policy selects to be explained, and with which weight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.explanation.selection import BUCKETS, Selection, selection

buckets = st.integers(0, BUCKETS - 1)


@pytest.mark.parametrize(
    ("select", "sample", "expected"),
    [
        pytest.param("all", 0.05, Selection(10_000, 10_000), id="all takes every bucket"),
        pytest.param("flagged", 0.05, Selection(10_000, 500), id="flagged samples the others"),
        pytest.param("flagged", 0.0, Selection(10_000, 0), id="a sample of 0 takes no others"),
        pytest.param("flagged", 1.0, Selection(10_000, 10_000), id="a sample of 1 takes all"),
        pytest.param("flagged", 0.00001, Selection(10_000, 1), id="a sample is rounded up"),
        pytest.param("requested", 0.05, Selection(0, 0), id="requested selects none"),
    ],
)
def test_a_policy_selects_buckets(select: str, sample: float, expected: Selection) -> None:
    assert selection(select, sample) == expected


@pytest.mark.parametrize(
    ("predicted_label", "bucket", "share"),
    [
        pytest.param(1, 9_999, 1.0, id="a flagged one is always selected"),
        pytest.param(0, 499, 0.05, id="one of the others in the last bucket of the sample"),
        pytest.param(0, 500, None, id="one of the others in the next bucket"),
    ],
)
def test_a_selected_prediction_has_the_share_of_its_kind(
    predicted_label: int, bucket: int, share: float | None
) -> None:
    assert selection("flagged", 0.05).share(predicted_label, bucket) == share


@given(sample=st.floats(0, 1))
def test_weights_make_the_sample_stand_for_all_predictions(sample: float) -> None:
    shares = [selection("flagged", sample).share(0, bucket) for bucket in range(BUCKETS)]
    selected = [share for share in shares if share is not None]
    assert len(selected) / BUCKETS >= sample
    if selected:
        assert sum(1 / share for share in selected) == pytest.approx(BUCKETS)


@given(bucket=buckets, sample=st.floats(0, 1), more=st.floats(0, 1))
def test_a_larger_sample_keeps_what_a_smaller_one_selects(
    bucket: int, sample: float, more: float
) -> None:
    small, large = sorted((sample, more))
    if selection("flagged", small).share(0, bucket) is not None:
        assert selection("flagged", large).share(0, bucket) is not None
