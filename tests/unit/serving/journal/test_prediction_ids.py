"""Ids carry the moment of their prediction."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from pipelines.errors import UnknownPrediction
from pipelines.stores.predictions import time_of
from serving.journal.prediction_ids import created_at, datetime_of, now_ms, uuid7


def test_an_id_says_when_it_was_made_to_the_millisecond():
    ms = now_ms()
    made = UUID(uuid7(ms)[0])
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert time_of(made) == created_at(made) == datetime_of(ms)


def test_ids_of_one_millisecond_differ_and_later_ones_sort_after():
    ids = uuid7(1_700_000_000_000, 1000)
    assert len(set(ids)) == 1000
    assert {UUID(each).variant for each in ids} == {"specified in RFC 4122"}
    assert max(ids) < uuid7(1_700_000_000_001)[0]


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(uuid4(), id="a random id"),
        pytest.param(UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"), id="far future"),
    ],
)
def test_an_id_that_no_replica_made_is_unknown(foreign):
    with pytest.raises(UnknownPrediction, match=str(foreign)):
        created_at(foreign)
