"""A client of the live feed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from websockets.sync.client import ClientConnection, connect

from serving.wire.schemas import LiveReload

LIVE = "/v1/fraud/live"
RELOAD = LiveReload(model_version=2, former_version=1, at=datetime(2026, 1, 5, tzinfo=UTC))
RELOAD_MESSAGE = {
    "type": "reload",
    "model_version": 2,
    "former_version": 1,
    "at": "2026-01-05T00:00:00Z",
}


def listening(port: int, query: str = "", key: str = "secret", **options: Any) -> ClientConnection:
    """Connect to the live feed of fraud."""
    headers = {"X-API-Key": key} if key else {}
    url = f"ws://127.0.0.1:{port}{LIVE}{query}"
    return connect(url, additional_headers=headers, **options)


def next_message(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    return dict(json.loads(socket.recv(timeout=5)))
