"""What the scoring server is measured against: the limit of the framework, with nothing in it."""

from typing import Any

from fastapi import FastAPI
from pydantic import create_model

FEATURES = tuple(f"f{index:02d}" for index in range(30))


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Bare ASGI: the body goes back as it came."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


Row: Any = create_model("Row", **dict.fromkeys(FEATURES, (float, ...)))  # type: ignore[call-overload]
noop = FastAPI()


@noop.post("/predict")
async def predict(row: Row) -> dict[str, float]:
    """FastAPI with a Pydantic body, and no work."""
    return {"score": 0.5}
