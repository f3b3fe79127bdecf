"""The live feed: samples, events and missed messages."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from serving.live_feed import MAX_PENDING, Listener, LiveFeed
from serving.wire.schemas import PredictionOut
from tests.unit.serving.listening import RELOAD, RELOAD_MESSAGE

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def predictions(count):
    return [
        PredictionOut(
            transaction_id=f"t-{number}",
            prediction_id=f"p-{number}",
            score=0.1,
            predicted_label=0,
            threshold=0.5,
            risk="low",
            model_version=1,
        )
        for number in range(count)
    ]


async def received(listener, count):
    """The next messages of a listener."""
    return [json.loads(await listener.next(1)) for _ in range(count)]


def test_a_sample_is_evenly_spaced_and_has_the_requested_share():
    async def listen():
        feed = LiveFeed()
        listener = feed.join(0.25)
        feed.publish_predictions(NOW, predictions(20))
        return await received(listener, 5)

    messages = asyncio.run(listen())
    ids = [message["transaction_id"] for message in messages]
    assert ids == ["t-3", "t-7", "t-11", "t-15", "t-19"]


def test_a_slow_listener_misses_messages_and_is_told_how_many():
    async def listen():
        feed = LiveFeed()
        slow = feed.join(1.0)
        fast = feed.join(1.0)
        for prediction in predictions(MAX_PENDING + 5):
            feed.publish_predictions(NOW, [prediction])
            await fast.next(1)
        return await received(slow, MAX_PENDING + 1)

    messages = asyncio.run(listen())
    types = [message["type"] for message in messages[-2:]]
    assert types == ["prediction", "missed"]
    assert messages[-1]["count"] == 5


def test_the_number_of_missed_messages_is_sent_even_if_nothing_follows():
    async def listen():
        listener = Listener(1.0)
        for _ in range(MAX_PENDING + 1):
            listener.offer(b"{}")
        await received(listener, MAX_PENDING)
        return await received(listener, 1)

    messages = asyncio.run(listen())
    assert messages == [{"type": "missed", "count": 1}]


def test_events_from_another_thread_reach_a_listener_of_no_predictions():
    async def listen():
        feed = LiveFeed()
        listener = feed.join(0.0)
        await asyncio.to_thread(feed.publish, RELOAD)
        return await received(listener, 1)

    messages = asyncio.run(listen())
    assert messages == [RELOAD_MESSAGE]


def test_an_event_without_listeners_is_dropped():
    feed = LiveFeed()
    feed.publish(RELOAD)
    assert not feed.listeners
