"""Workers for the tests of the supervisor; they import little, because many are started."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any


def dies(folder: Path) -> None:
    """An application factory whose worker is killed while it starts."""
    (folder / str(os.getpid())).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def reports(folder: Path) -> None:
    """An application factory that finds a fault, which every worker would find."""
    (folder / str(os.getpid())).touch()
    sys.exit(3)


def answers(folder: Path) -> Any:
    """Create an application that answers every request with its process id."""
    (folder / str(os.getpid())).touch()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

    return application


def supervise(factory: str, folder: Path, port: int) -> None:
    """Supervise two workers until the supervisor gives up or is stopped."""
    import uvicorn

    from serving import server

    server.SLOWEST_ANSWER = 1.0
    config = uvicorn.Config(
        partial(globals()[factory], folder),
        factory=True,
        port=port,
        workers=2,
        log_level="critical",
        lifespan="off",
    )

    class Noting(server.WorkerSupervisor):
        """Notes which workers are ready."""

        def keep_subprocess_alive(self) -> None:
            super().keep_subprocess_alive()
            for process in self._ready:
                (folder / f"{process.pid}.ready").touch()

    supervisor = Noting(config, [config.bind_socket()])
    supervisor.run()
    print(supervisor.gave_up)
