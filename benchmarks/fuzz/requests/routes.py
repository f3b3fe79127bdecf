"""Requests to the routes of a use case."""

from random import Random
from urllib.parse import quote
from uuid import UUID

from benchmarks.fuzz.requests.bodies import batch_body, row_body
from benchmarks.fuzz.requests.json_text import nested
from benchmarks.fuzz.requests.labels import labels_body
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.wire import Sent, framed
from pipelines.rules.use_case.contract import Contract


def predict(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request to score one row."""
    body = row_body(random, contract)
    return source.post(random, f"/v1/{contract.use_case}/predict", body)


def batch(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request to score several rows."""
    body = batch_body(random, contract)
    return source.post(random, f"/v1/{contract.use_case}/predict/batch", body)


def explain(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request to explain one row."""
    body = row_body(random, contract)
    return source.post(random, f"/v1/{contract.use_case}/explain", body)


def labels(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request with labels."""
    body = labels_body(random, contract)
    return source.post(random, f"/v1/{contract.use_case}/labels", body)


MILLISECONDS = (
    0,
    1,
    2**40,
    2**41 - 1,
    253402300799999,  # the last of the year 9999
    253402300800000,
    2**48 - 1,
)
UUID_VERSIONS = (0, 1, 4, 7, 7, 7, 15)
INVALID_IDS: tuple[str | bytes, ...] = (
    "x", "0", "-", "null", "%", "..", "...", "a b", "\0", "é", "\U0001f600", b"\xff\xfe",
    b"\xed\xa0\x80", "x" * 10_000, "{}", "[", "'", "00000000-0000-0000-0000-00000000000g",
    "0" * 32 + "0", "1e999", "\n", "'; --", "%00", "％",
)  # fmt: skip


def prediction_id(source: Source, random: Random, use_case: str) -> tuple[str, tuple[int, ...]]:
    """Return an id of any kind, percent-encoded, and the statuses of looking it up.

    No unknown id is so new that its prediction might still be logged.
    """
    if random.random() < 0.3 and (logged := source.logged.get(use_case)):
        id_ = random.choice(logged)
        forms = (id_, id_.upper(), id_.replace("-", ""), f"urn:uuid:{id_}")
        return random.choice(forms), (200, 202)
    if random.random() < 0.4:
        return str(_random_uuid(random)), (404,)
    return quote(random.choice(INVALID_IDS), safe=""), (404, 422)


def _random_uuid(random: Random) -> UUID:
    time = random.choice((*MILLISECONDS, random.getrandbits(40)))
    version = random.choice(UUID_VERSIONS)
    return UUID(int=time << 80 | version << 76 | 0b10 << 62 | random.getrandbits(62))


LOOK_UPS = (("", "GET"), ("", "GET"), ("/explanation", "GET"), ("/explanation", "POST"))
QUERIES = ("", "", "", "?x=1", "?prediction_id=1", "?%00", "?" + "a=b&" * 500)
UNEXPECTED_BODIES = (b"", b"{}", b"[" * 3000, b"\xff", b"null", nested(2000, "list"))


def look_up(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request for a prediction or its explanation."""
    id_, statuses = prediction_id(source, random, contract.use_case)
    tail, method = random.choice(LOOK_UPS)
    path = f"/v1/{contract.use_case}/predictions/{id_}{tail}"
    path += random.choice(QUERIES)
    if random.random() < 0.3:
        body = random.choice(UNEXPECTED_BODIES)
        return Sent(
            kind=f"look up {tail} with a body",
            wire=framed(method, path, [source._key_line], body),
            statuses=statuses,
        )
    return source.get(path, f"look up {tail}", method=method, statuses=statuses)
