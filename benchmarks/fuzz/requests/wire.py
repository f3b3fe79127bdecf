"""The bytes of a request, and the responses that are right for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from benchmarks.fuzz.requests.bodies import ANY

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
