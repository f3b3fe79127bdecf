"""`python -m serving`: one worker on the address that the settings name, until it is told to stop."""

import gc
import sys

import uvicorn

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from serving import logs
from serving.app import create_app
from serving.registry import Registry

GRACE = 5  # seconds for requests under way; the shipper has 10 more, and the supervisor waits for 20


def serve(settings: Settings, registry: Registry | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and ship what is left."""
    app = create_app(settings, registry)
    _tune()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        log_config=None,
        access_log=False,  # we write our own, as JSON
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def _tune() -> None:
    """What start-up made stays, so the collector need not walk it again and again, and it looks for cycles less often.

    A request gives up the interpreter's lock at each system call, and another thread would keep it for 5 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.0005)


def main() -> None:
    """Serve by the settings of this environment; a fault that a person can mend is one line."""
    logs.install()
    try:
        serve(Settings.load())
    except SixgateError as error:
        sys.exit(f"serving: {error}")


if __name__ == "__main__":
    main()
