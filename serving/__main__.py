"""`python -m serving`: one worker or several on the address that the settings name, until they are told to stop."""

import gc
import sys
from functools import partial

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from serving import logs
from serving.app import create_app
from serving.registry import Registry
from serving.workers import follow_parent

GRACE = 5  # seconds for requests under way; the shipper has 10 more, and the supervisor waits for 20


def serve(settings: Settings, registry: Registry | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and ship what is left."""
    config = uvicorn.Config(
        partial(application, settings, registry),
        factory=True,
        host=settings.host,
        port=settings.api_port,
        workers=settings.api_workers,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=4096,  # nothing is asked of who listens
        log_level="warning",
        log_config=None,
        access_log=False,  # we write our own, as JSON
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    if settings.api_workers == 1:
        uvicorn.Server(config).run()
    else:
        Multiprocess(config, [config.bind_socket()]).run()


def application(settings: Settings, registry: Registry | None) -> ASGIApp:
    """One worker's application, made in the worker's own process."""
    logs.install()
    follow_parent()
    made = create_app(settings, registry)
    _tune()
    return made


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
