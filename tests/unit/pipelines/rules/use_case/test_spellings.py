"""Values that are read one by one; the golden table has most of them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.use_case.spellings import (
    AHEAD,
    LONGEST_ID,
    Misread,
    is_blank,
    read_id,
    read_time,
    zone,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MOMENTS = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2026, 5, 31),  # noqa: DTZ001
    timezones=st.builds(
        lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-720, 840)
    ),
)


@given(st.text(max_size=LONGEST_ID + 2))
def test_a_text_id_is_kept_exactly_or_refused(text: str) -> None:
    refused = is_blank(text) or "\0" in text or len(text) > LONGEST_ID
    if refused:
        with pytest.raises(Misread):
            read_id(text)
    else:
        assert read_id(text) == text


@given(st.integers())
def test_a_whole_number_as_an_id_is_its_digits(number: int) -> None:
    assert read_id(number) == str(number)


@given(MOMENTS)
def test_a_time_that_python_writes_is_the_same_moment(moment: datetime) -> None:
    assert read_time(moment.isoformat(), now=NOW) == moment
    assert read_time(str(moment), now=NOW) == moment
    assert read_time(moment, now=NOW).utcoffset() == timedelta(0)


def test_a_time_may_be_a_day_ahead() -> None:
    assert read_time(NOW + AHEAD, now=NOW) == NOW + AHEAD
    with pytest.raises(Misread, match="in the future"):
        read_time(NOW + AHEAD + timedelta(microseconds=1), now=NOW)


@pytest.mark.parametrize("text", ["+24:00", "-00:60", "+9999"])
def test_an_offset_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an offset"):
        zone(text)
