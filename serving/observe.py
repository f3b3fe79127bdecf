"""Times every request and counts its status; plain ASGI, because it stands before the hot path."""

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics


class Observe:
    """Middleware; a request that no route took is counted under `other`, so that labels stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._latencies: dict[str, Histogram] = {}
        self._statuses: dict[int, Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and observe its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status(message["status"]).inc()
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            self._latency(scope).observe(time.perf_counter() - begun)

    def _latency(self, scope: Scope) -> Histogram:
        path = getattr(scope.get("route"), "path", "other")
        if path not in self._latencies:
            self._latencies[path] = self._metrics.latency.labels(path)
        return self._latencies[path]

    def _status(self, status: int) -> Counter:
        if status not in self._statuses:
            self._statuses[status] = self._metrics.responses.labels(status)
        return self._statuses[status]
