"""Requests with unusual paths, hosts, methods and headers."""

from random import Random

from benchmarks.fuzz.requests.json_text import written
from benchmarks.fuzz.requests.rows import good_row
from benchmarks.fuzz.requests.source import Source
from benchmarks.fuzz.requests.wire import Sent, framed
from pipelines.rules.use_case.contract import Contract

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
