"""The first answer to requests with an idempotency key, within its bounds."""

from __future__ import annotations

import asyncio

import pytest

from serving.wire.idempotency import FirstAnswers
from serving.wire.problems import Problem


class Maker:
    """Makes a new answer at each call, or fails."""

    def __init__(self, *, fails: int = 0, size: int = 0) -> None:
        self.calls = 0
        self._fails = fails
        self._padding = b"." * size

    async def __call__(self) -> bytes:
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls <= self._fails:
            raise Problem(503, "no model")
        return b"answer %d" % self.calls + self._padding


def ask(firsts, make, *, caller="shop", key=b"k-1", request=b"row"):
    return asyncio.run(firsts.answer(caller, key, request, make))


def test_a_repeated_request_gets_the_first_answer():
    firsts = FirstAnswers()
    make = Maker()
    assert ask(firsts, make) == (b"answer 1", False)
    assert ask(firsts, make) == (b"answer 1", True)
    assert make.calls == 1


def test_keys_and_callers_are_apart():
    firsts = FirstAnswers()
    make = Maker()
    ask(firsts, make)
    assert ask(firsts, make, key=b"k-2") == (b"answer 2", False)
    assert ask(firsts, make, caller="bank") == (b"answer 3", False)


def test_a_key_of_another_request_is_refused():
    firsts = FirstAnswers()
    make = Maker()
    ask(firsts, make)
    with pytest.raises(Problem, match="was used for another request") as caught:
        ask(firsts, make, request=b"another row")
    assert caught.value.status == 422
    assert caught.value.members["field"] == "Idempotency-Key"
    assert make.calls == 1


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a b", id="a blank"),
        pytest.param(b"k" * 256, id="too long"),
        pytest.param("ä".encode(), id="not ASCII"),
    ],
)
def test_an_invalid_key_is_refused(key):
    with pytest.raises(Problem, match="must be 1 to 255 visible ASCII characters"):
        ask(FirstAnswers(), Maker(), key=key)


def test_equal_requests_at_the_same_time_are_answered_once():
    firsts = FirstAnswers()
    make = Maker()

    async def together():
        requests = [firsts.answer("shop", b"k", b"row", make) for _ in range(20)]
        return await asyncio.gather(*requests)

    answers = asyncio.run(together())
    assert {answer for answer, _ in answers} == {b"answer 1"}
    assert [is_replayed for _, is_replayed in answers].count(False) == 1
    assert make.calls == 1


def test_a_failure_is_told_to_all_that_wait_and_the_key_may_be_used_again():
    firsts = FirstAnswers()
    make = Maker(fails=1)

    async def together():
        requests = [firsts.answer("shop", b"k", b"row", make) for _ in range(3)]
        return await asyncio.gather(*requests, return_exceptions=True)

    assert all(isinstance(error, Problem) for error in asyncio.run(together()))
    assert ask(firsts, make, key=b"k", request=b"another row") == (b"answer 2", False)


def test_a_client_that_goes_away_does_not_take_the_answer_from_the_others():
    firsts = FirstAnswers()
    make = Maker()

    async def first_leaves():
        first = asyncio.ensure_future(firsts.answer("shop", b"k", b"row", make))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(firsts.answer("shop", b"k", b"row", make))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(first_leaves()) == (b"answer 1", True)


def test_answers_leave_after_the_window():
    now = [0.0]
    firsts = FirstAnswers(window=10.0, clock=lambda: now[0])
    make = Maker()
    ask(firsts, make)
    now[0] = 9.0
    assert ask(firsts, make) == (b"answer 1", True)
    now[0] = 10.0
    assert ask(firsts, make) == (b"answer 2", False)


def test_the_oldest_answers_leave_when_there_are_too_many():
    firsts = FirstAnswers(most_keys=2)
    make = Maker()
    for key in (b"1", b"2", b"3"):
        ask(firsts, make, key=key)
    assert ask(firsts, make, key=b"3") == (b"answer 3", True)
    assert ask(firsts, make, key=b"2") == (b"answer 2", True)
    assert ask(firsts, make, key=b"1") == (b"answer 4", False)


def test_the_oldest_answers_leave_when_they_are_too_large():
    firsts = FirstAnswers(most_bytes=250)
    make = Maker(size=100)
    for key in (b"1", b"2", b"3"):
        ask(firsts, make, key=key)
    _, is_replayed = ask(firsts, make, key=b"3")
    assert is_replayed
    _, is_replayed = ask(firsts, make, key=b"1")
    assert not is_replayed
