"""Prediction ids carry the time of their creation."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from pipelines.errors import UnknownPrediction
from pipelines.stores.predictions import time_of
from serving.journal.prediction_ids import created_at, datetime_of, now_ms, uuid7

MS = 1_700_000_000_000
VARIANT = "specified in RFC 4122"


def test_an_id_holds_its_creation_time_to_the_millisecond():
    ms = now_ms()
    (text,) = uuid7(ms)
    prediction_id = UUID(text)
    assert prediction_id.version == 7
    assert prediction_id.variant == VARIANT
    assert created_at(prediction_id) == datetime_of(ms)
    assert time_of(prediction_id) == datetime_of(ms)


def test_ids_of_one_millisecond_differ_and_later_ones_sort_after():
    ids = uuid7(MS, 1000)
    assert len(set(ids)) == 1000
    variants = {UUID(text).variant for text in ids}
    assert variants == {VARIANT}
    (later,) = uuid7(MS + 1)
    assert max(ids) < later


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(uuid4(), id="a random id"),
        pytest.param(UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"), id="far future"),
    ],
)
def test_an_id_that_no_replica_issued_is_unknown(foreign):
    with pytest.raises(UnknownPrediction, match=str(foreign)):
        created_at(foreign)
