"""Logs as lines of JSON, each with the id of the request that it belongs to."""

import logging
from contextvars import ContextVar

import msgspec

REQUEST_ID: ContextVar[bytes] = ContextVar("request_id", default=b"")


class JsonFormatter(logging.Formatter):
    """Formats records as JSON; `time` is in seconds since 1970, as in the access log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as one line."""
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id.decode()
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def install() -> None:
    """Log to standard error as JSON, unless logging is configured already.

    Verbose libraries log warnings and errors only.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # uvicorn logs this for a WebSocket that is refused with an HTTP response, which is no error.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing handshake" not in record.getMessage()
    )
    for verbose in ("httpx", "numexpr"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
