"""Requests with invalid framing."""

from random import Random

from benchmarks.fuzz.requests.json_text import written
from benchmarks.fuzz.requests.rows import good_row
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.wire import Ends, Sent, framed
from pipelines.rules.use_case.contract import Contract

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
