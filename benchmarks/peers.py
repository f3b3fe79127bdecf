"""Servers without a model, for comparison: the upper limit of the framework."""

from typing import Any

from fastapi import FastAPI
from pydantic import create_model

FEATURES = tuple(f"f{index:02d}" for index in range(30))


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Return the request body (plain ASGI)."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


FIELDS: dict[str, Any] = dict.fromkeys(FEATURES, (float, ...))
Row: Any = create_model("Row", **FIELDS)
noop = FastAPI()


@noop.post("/predict")
async def predict(row: Row) -> dict[str, float]:
    """Return a constant (FastAPI with a Pydantic body)."""
    return {"score": 0.5}
