"""Draws requests of all kinds.

A request depends only on the seed and its number, so that any of them can be sent again.
"""

from collections.abc import Callable
from random import Random

from benchmarks.fuzz.requests.framing import frame
from benchmarks.fuzz.requests.routes import batch, explain, labels, look_up, predict
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.unusual import path, plain
from benchmarks.fuzz.requests.websocket import live
from benchmarks.fuzz.requests.wire import Sent
from pipelines.rules.use_case.contract import Contract

KINDS: tuple[tuple[Callable[[Source, Random, Contract], Sent], float], ...] = (
    (predict, 48),
    (batch, 20),
    (labels, 9),
    (explain, 2),
    (look_up, 4),
    (plain, 6),
    (path, 4),
    (frame, 4),
    (live, 3),
)
WEIGHTS = [weight for _, weight in KINDS]


def request(source: Source, number: int) -> Sent:
    """Return the request with a number."""
    random = Random(source.seed * 2**40 + number)
    contract = random.choice(source.contracts)
    ((draw, _),) = random.choices(KINDS, WEIGHTS)
    return draw(source, random, contract)
