"""What all requests of one run have in common: use cases, key, seed and logged predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.fuzz.requests.bodies import ANY, OK, Body
from benchmarks.fuzz.requests.json_text import written
from benchmarks.fuzz.requests.rows import good_row
from benchmarks.fuzz.requests.strings import CONTENT_TYPES
from benchmarks.fuzz.requests.wire import Sent, chunked, framed
from pipelines.rules.use_case.contract import Contract


@dataclass
class Source:
    """Draws requests for use cases; `logged` has ids of logged predictions by use case."""

    contracts: Sequence[Contract]
    key: str
    seed: int
    logged: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _key_line: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._key_line = b"X-API-Key: " + self.key.encode()

    def good_row(self, number: int) -> bytes:
        """Return a valid body for predict."""
        random = Random(number)
        return written(good_row(random, random.choice(self.contracts)))

    def post(self, random: Random, path: str, body: Body) -> Sent:
        """Return a POST request, by content length or in chunks."""
        headers = [self._key_line]
        if random.random() < 0.9:
            headers.append(b"Content-Type: " + random.choice(CONTENT_TYPES))
        if random.random() < 0.9:
            wire = framed("POST", path, headers, body.content)
        else:
            wire = chunked("POST", path, headers, body.content, random=random)
        route = path.rsplit("/", 1)[1]
        return Sent(
            kind=f"{route}: {body.kind}",
            wire=wire,
            statuses=body.statuses,
            fault=body.fault,
            row=body.row,
            good=path.endswith("/predict") and body.statuses == OK,
        )

    def get(
        self,
        path: str,
        kind: str,
        *,
        method: str = "GET",
        statuses: tuple[int, ...] = ANY,
        headers: Sequence[bytes] = (),
    ) -> Sent:
        """Return a request without a body."""
        wire = framed(method, path, [self._key_line, *headers])
        return Sent(
            kind=kind,
            wire=wire,
            statuses=statuses,
            has_body=method != "HEAD",
        )
