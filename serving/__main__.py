"""`python -m serving`: one worker on the address that the settings name, until it is told to stop."""

import logging
import sys

import uvicorn

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from serving.app import create_app
from serving.registry import Registry

GRACE = 5  # seconds for requests under way; the shipper has 10 more, and the supervisor waits for 20


def serve(settings: Settings, registry: Registry | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and ship what is left."""
    uvicorn.run(
        create_app(settings, registry),
        host=settings.host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
    )


def main() -> None:
    """Serve by the settings of this environment; a fault that a person can mend is one line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(Settings.load())
    except SixgateError as error:
        sys.exit(f"serving: {error}")


if __name__ == "__main__":
    main()
