"""Requests for the fuzz benchmark and its test: valid ones, and ones with a known fault.

A request depends only on the seed and its number, so that any of them can be sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from benchmarks.fuzz_bodies import (
    ANY,
    CONTENT_TYPES,
    OK,
    Body,
    batch_body,
    good_row,
    labels_body,
    nested,
    row_body,
    written,
)
from pipelines.rules.use_case.contract import Contract

Ends = Literal["answer", "server", "client", "socket"]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The bytes of one request, and the responses that are right.

    `ends` is what ends it: its response ("answer"), the server or the client that closes the
    connection, or either of them for a WebSocket ("socket"). The client closes it right after
    sending. An open WebSocket is sent `after`. Without `statuses`, every status below 500 is right;
    `fault` is the field that the problem document must name.
    """

    kind: str
    wire: bytes
    statuses: tuple[int, ...] = ANY
    fault: str | None = None
    row: int | None = None
    ends: Ends = "answer"
    after: bytes = b""
    has_body: bool = True
    good: bool = False


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

    def request(self, number: int) -> Sent:
        """Return the request with a number."""
        random = Random(self.seed * 2**40 + number)
        contract = random.choice(self.contracts)
        ((draw, _),) = random.choices(KINDS, WEIGHTS)
        return draw(self, random, contract)

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


def framed(
    method: str,
    path: str | bytes,
    headers: Sequence[bytes],
    body: bytes | None = None,
    *,
    host: bytes = b"127.0.0.1",
) -> bytes:
    """Return the bytes of a request with its content length."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: " + host, *headers]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(
    method: str, path: str, headers: Sequence[bytes], body: bytes, *, random: Random
) -> bytes:
    """Return the bytes of a request in chunks of a random size."""
    size = max(random.choice((1, 7, 100, 65536)), len(body) // 50)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    lines = [
        f"{method} {path} HTTP/1.1".encode(),
        b"Host: 127.0.0.1",
        *headers,
        b"Transfer-Encoding: chunked",
    ]
    content = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"\r\n".join(lines) + b"\r\n\r\n" + content + b"0\r\n\r\n"


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


PLAIN = (
    "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/{}/model", "/v1/{}/live",
    "/docs/oauth2-redirect", "/static-offline-docs/swagger-ui.css", "/", "/v1", "/v1/{}",
    "/v1/nothing/predict", "/redoc",
)  # fmt: skip
PLAIN_ENDS = (
    "", "", "", "/", "?", "?x=%ff", "?sample=x", "//", "#f", ";x", "?" + "x" * 3000,
    "/../healthz", "/%2e%2e/x",
)  # fmt: skip
METHODS = ("GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "POST")
UNUSUAL_HEADERS = (
    b"Accept: \xff", b"Accept: " + b"*/*," * 500,
    b"Range: bytes=0-1", b"Range: bytes=9-1", b"Range: bytes=abc", b"Range: x=0-",
    b"Range: bytes=" + b"0-0," * 300 + b"1-1",
    b"If-Range: x", b"If-Modified-Since: x", b"If-None-Match: \xff",
    b"If-Modified-Since: Thu, 01 Jan 99999 00:00:00 GMT",
    b"Cookie: a=b; \xff; =; ;;;", b"Authorization: Basic \xff",
    b"Origin: http://[", b"Origin: https://shop.example", b"Origin: null",
    b"X-Request-ID: " + b"a" * 129, b"X-Request-ID: \xff\xfe", b"X-Request-ID: ok-1",
    b"X-API-Key: \xff\xfe", b"X-API-Key: " + b"k" * 5000, b"X-API-Key:",
    b"X-Forwarded-For: \xff", b"X-Forwarded-Host: [", b"Forwarded: x",
    b"Content-Encoding: gzip", b"Content-Length: 0", b"Content-Type: \xff",
    b"Connection: keep-alive, \xff", b"Expect: 100-continue", b"Expect: 200-ok",
    b"Accept-Encoding: \xff", b"Access-Control-Request-Method: \xff",
    b"Access-Control-Request-Headers: \xff", b"Access-Control-Request-Method: POST",
    b"TE: trailers", b"Upgrade: h2c", b"Upgrade: \xff", b"Sec-WebSocket-Key: x", b"Date: x",
    b"Host: second.example", b"Max-Forwards: 0", b"Via: \xff",
    b"Sec-WebSocket-Version: 99999999999999999999",
)  # fmt: skip
HOSTS = (
    b"", b"[", b"]", b"[::1", b"[::1]", b"a:b", b":", b"localhost:99999", b"x/y", b"a@b", b"\xff",
    b"a b", b"//", b"x" * 3000, b"[v1.x]", b"127.0.0.1:0", b"?", b"#", b"%00", b"a\\b",
)  # fmt: skip


def plain(source: Source, random: Random, contract: Contract) -> Sent:
    """Return an unusual request for a path outside the routes of a use case."""
    path = random.choice(PLAIN).format(contract.use_case)
    if path == "/docs" and random.random() < 0.9:
        path = "/healthz"
    if path == "/openapi.json" and random.random() < 0.8:
        path = "/readyz"
    if path == "/metrics" and random.random() < 0.5:
        path = "/v1/x"
    path += random.choice(PLAIN_ENDS)
    method = random.choice(METHODS)
    headers = random.choices(UNUSUAL_HEADERS, k=random.choice((0, 1, 2, 5)))
    has_body = method != "HEAD"
    if any(header.startswith((b"Upgrade", b"Connection", b"Expect")) for header in headers):
        wire = framed(method, path, [source._key_line, *headers, b"Connection: close"])
        kind = f"{method} with an unusual connection"
        return Sent(kind=kind, wire=wire, ends="server", has_body=has_body)
    wire = framed(method, path, [source._key_line, *headers])
    return Sent(kind=f"{method} outside the routes", wire=wire, has_body=has_body)


PATHS: tuple[bytes, ...] = (
    b"/v1/%s/predict/", b"/v1/%s/predict?x=1", b"/v1/%s/predict%%00", b"/v1/%s/%%70redict",
    b"//v1/%s/predict", b"/v1/%s/./predict", b"/v1/%s/x/../predict", b"/v1/%s/predict;x",
    b"/v1/%s/predict%%ff", b"/v1/%s/PREDICT", b"/v1/%s%%2fpredict",
    b"/v1/%s/labels/", b"/v1/%s/model/",
    b"/static-offline-docs/%%00?%s", b"/static-offline-docs/..%%2f..%%2fx?%s",
    b"/static-offline-docs/" + b"x" * 5000 + b"?%s", b"/static-offline-docs/%%ff?%s",
    b"/static-offline-docs?%s", b"/static-offline-docs/?%s", b"/docs/?%s", b"/openapi.json/?%s",
    b"http://other.example/v1/%s/model", b"http://[/v1/%s/model", b"http://[::1/%s", b"*?%s",
    b"/v1/%s/pr\xc3\xa9dict", b"/\xff\xfe?%s", b"/%%?%s", b"/%%zz?%s",
    b"/" + b"a/" * 3000 + b"?%s", b"/v1/%s/" + b"%%41" * 3000, b"?%s", b"v1/%s/model",
    b"/v1/%s/explain/",
)  # fmt: skip


def path(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a request with an unusual path or host, or with a method that the route lacks."""
    target = random.choice(PATHS) % contract.use_case.encode()
    method = random.choice(("GET", "POST", "POST", "HEAD", "DELETE", "OPTIONS"))
    host = random.choice(HOSTS) if random.random() < 0.5 else b"127.0.0.1"
    body = written(good_row(random, contract)) if method == "POST" else None
    wire = framed(method, target, [source._key_line, b"Connection: close"], body, host=host)
    return Sent(
        kind=f"{method} an unusual path or host",
        wire=wire,
        ends="server",
        has_body=method != "HEAD",
    )


FRAMED_ROUTES = ("predict", "predict/batch", "labels", "explain", "model")


def frame(source: Source, random: Random, contract: Contract) -> Sent:
    """Return invalid framing: lengths, chunks, request lines, or a client that disconnects."""
    body = written(good_row(random, contract))
    route = f"/v1/{contract.use_case}/{random.choice(FRAMED_ROUTES)}".encode()
    head = b"POST " + route + b" HTTP/1.1\r\nHost: x\r\n" + source._key_line + b"\r\n"
    length = b"Content-Length: %d\r\n"
    close = b"Connection: close\r\n"
    many = b"".join(b"h%d: x\r\n" % place for place in range(500))
    whole = length % len(body) + b"\r\n" + body
    wires: list[tuple[bytes, Ends]] = [
        (head + b"Connection: close\r\n" + length % (len(body) // 2) + b"\r\n" + body, "server"),
        (head + length % (len(body) + 10) + b"\r\n" + body, "client"),
        (head + length % len(body) + b"\r\n" + body[: random.randrange(len(body))], "client"),
        (head + b"Content-Length: -1\r\n\r\n" + body, "server"),
        (head + b"Content-Length: x\r\n\r\n" + body, "server"),
        (head + b"Content-Length: +5\r\n\r\n" + body, "server"),
        (head + b"Content-Length: 1_0\r\n\r\n" + body, "server"),
        (head + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", "server"),
        (head + b"Content-Length: 99999999999999999\r\nConnection: close\r\n\r\n", "client"),
        (head + b"Content-Length: 3000000\r\nConnection: close\r\n\r\n", "client"),
        (head + length % len(body) + length % 5 + b"\r\n" + body, "server"),
        (head + length % len(body) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "server"),
        (head + b"Connection: close\r\n\r\n", "server"),
        (head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body, "server"),
        (head + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + body, "server"),
        (head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + body, "server"),
        (head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body[:10], "client"),
        (head + close + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", "server"),
        (
            head + close + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n",
            "server",
        ),
        (head + b"Transfer-Encoding: x\r\n\r\n" + body, "server"),
        (head + b" folded: x\r\n\r\n", "server"),
        (head + b"no colon\r\n\r\n", "server"),
        (head + b"a\x00b: x\r\n\r\n", "server"),
        (head + b"a: b\x00c\r\n\r\n", "server"),
        (head + many + close + b"Content-Length: 0\r\n\r\n", "server"),
        (
            head + b"big: " + b"x" * 100_000 + b"\r\n" + close + b"Content-Length: 0\r\n\r\n",
            "client",
        ),
        (b"POST " + route + b" HTTP/1.0\r\n" + source._key_line + b"\r\n" + whole, "server"),
        (
            b"POST " + route + b" HTTP/1.1\r\n" + source._key_line + b"\r\n" + close + whole,
            "server",
        ),
        (b"POST " + route + b" HTTP/9.9\r\nHost: x\r\n\r\n", "server"),
        (b"POST " + route + b"\r\n\r\n", "server"),
        (b"post " + route + b" HTTP/1.1\r\nHost: x\r\n\r\n", "server"),
        (b"BREW " + route + b" HTTP/1.1\r\nHost: x\r\n\r\n", "server"),
        (b"PROPFIND " + route + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "server"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "client"),
        (b"CONNECT " + route + b" HTTP/1.1\r\nHost: x\r\n\r\n", "client"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "server"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "client"),
        (bytes(random.randrange(256) for _ in range(60)) + b"\r\n\r\n", "client"),
        (b"\r\n" * 5 + framed("GET", "/healthz", [b"Connection: close"]), "server"),
        (b"GET /healthz HT", "client"),
        (
            framed("GET", "/healthz", [])
            + framed("POST", "/healthz", [b"Connection: close"], b"{}"),
            "server",
        ),
        (
            framed("POST", route, [source._key_line], body)
            + framed("POST", route, [source._key_line, b"Connection: close"], body),
            "server",
        ),
        (framed("POST", route, [source._key_line], body * 2), "client"),
    ]
    number = random.randrange(len(wires))
    wire, ends = wires[number]
    return Sent(kind=f"framing {number}", wire=wire, ends=ends)


SAMPLES = (
    "", "?sample=0.5", "?sample=2", "?sample=-1", "?sample=nan", "?sample=inf", "?sample=1e999",
    "?sample=", "?sample=x&sample=1", "?x=1", "?sample=%00", "?sample=%ff", "?sample=" + "9" * 3000,
    "?sample=0_1", "?sample=%D9%A1", "?" + "x" * 2000, "?sample=1&sample=0",
)  # fmt: skip
LIVE_PATHS = (
    *("/v1/{}/live",) * 6,
    "/v1/{}/predict",
    "/nothing",
    "/healthz",
    "/docs",
    "/v1/{}/live/",
)
UPGRADES = (*(b"websocket",) * 8, b"WebSocket", b"websocket, x")
WEBSOCKET_VERSIONS = (*(b"13",) * 10, b"8", b"x", b"", b"9" * 50)
WEBSOCKET_KEYS = (*(b"dGhlIHNhbXBsZSBub25jZQ==",) * 10, b"x", b"", b"\xff", b"AAAA")
EXTENSIONS = (b"permessage-deflate", b"x", b"\xff", b";;", b"permessage-deflate; x=1")


def live(source: Source, random: Random, contract: Contract) -> Sent:
    """Return a WebSocket: its handshake, and the frames that it is sent when it is open."""
    path = random.choice(LIVE_PATHS).format(contract.use_case)
    headers = _live_headers(source, random)
    host = random.choice(HOSTS) if random.random() < 0.1 else b"127.0.0.1"
    method = random.choice(("GET",) * 20 + ("POST", "HEAD", "PUT"))
    if random.random() < 0.05:
        headers.pop(random.randrange(4))
    wire = framed(method, path + random.choice(SAMPLES), headers, host=host)
    frames = b"".join(web_frame(random) for _ in range(random.randint(0, 3)))
    return Sent(
        kind="live",
        wire=wire,
        after=frames + masked(8, b"\x03\xe8"),
        ends="socket",
        has_body=method != "HEAD",
    )


def _live_headers(source: Source, random: Random) -> list[bytes]:
    headers = [
        b"Connection: Upgrade",
        b"Upgrade: " + random.choice(UPGRADES),
        b"Sec-WebSocket-Version: " + random.choice(WEBSOCKET_VERSIONS),
        b"Sec-WebSocket-Key: " + random.choice(WEBSOCKET_KEYS),
    ]
    if random.random() < 0.8:
        headers.append(source._key_line)
    if random.random() < 0.3:
        protocols = (
            b"sixgate, " + source.key.encode(),
            b"sixgate",
            b"\xff",
            b",,,",
            b"a b",
            b"sixgate, \xff",
            b"x" * 3000,
            b"",
        )
        headers.append(b"Sec-WebSocket-Protocol: " + random.choice(protocols))
    if random.random() < 0.2:
        headers.append(b"Sec-WebSocket-Extensions: " + random.choice(EXTENSIONS))
    if random.random() < 0.1:
        headers.append(random.choice((b"Origin: \xff", b"Origin: null", b"Host: [")))
    return headers


CONTENTS = (
    b"",
    b"x",
    b"\xff\xfe",
    b"x" * 4096,
    b"x" * 4097,
    b"x" * 70_000,
    nested(3000, "list"),
    b"\x03\xe7",
    b"\x00",
)


def web_frame(random: Random) -> bytes:
    """Return a valid or an invalid frame."""
    content = random.choice(CONTENTS)
    kind = random.choice((1, 1, 2, 8, 9, 10, 0, 3, 7, 11, 15))
    form = random.choice(("masked",) * 5 + ("unmasked", "reserved", "open", "huge"))
    if form == "masked":
        return masked(kind, content)
    if form == "unmasked":
        return bytes((0x80 | kind, min(len(content), 125))) + content[:125]
    if form == "reserved":
        return bytes((0xF0 | kind, 0x80)) + b"\0\0\0\0"
    if form == "open":
        return bytes((kind, 0x80)) + b"\0\0\0\0"
    return bytes((0x80 | kind, 0xFF)) + b"\xff" * 8 + b"\0\0\0\0"


def masked(kind: int, content: bytes) -> bytes:
    """Return a complete frame of a client; its mask of zeros leaves the content unchanged."""
    length = len(content)
    if length < 126:
        head = bytes((0x80 | kind, 0x80 | length))
    elif length < 2**16:
        head = bytes((0x80 | kind, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | kind, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + content


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
