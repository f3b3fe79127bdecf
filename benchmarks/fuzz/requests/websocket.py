"""WebSockets: their handshake and their frames."""

from random import Random

from benchmarks.fuzz.requests.json_text import nested
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.unusual import HOSTS
from benchmarks.fuzz.requests.wire import Sent, framed
from pipelines.rules.use_case.contract import Contract

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
