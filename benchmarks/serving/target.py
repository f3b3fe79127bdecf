"""A server that is measured."""

from dataclasses import dataclass

import psutil

from benchmarks.load import Job, Result, run


@dataclass
class Target:
    """A server that is measured: its port, the requests to it, and its process."""

    name: str
    port: int
    path: str
    bodies: list[str]
    process: psutil.Process
    headers: dict[str, str]

    def ask(
        self,
        *,
        seconds: float,
        concurrency: int = 16,
        rate: float = 0.0,
        bodies: list[str] | None = None,
        path: str = "",
        strict: bool = True,
    ) -> Result:
        """Send it requests; with `strict`, no request may fail."""
        job = Job(
            port=self.port,
            path=path or self.path,
            bodies=bodies or self.bodies,
            headers=self.headers,
            concurrency=concurrency,
            seconds=seconds,
            rate=rate,
        )
        result = run(job)
        if strict and (result.failed or not result.answered):
            raise SystemExit(f"{self.name}: {result.failed} requests failed: {result.statuses}")
        return result

    def address(self, path: str) -> str:
        """Return the URL of another route of the scoring server."""
        return f"http://127.0.0.1:{self.port}{self.path.removesuffix('/predict')}{path}"
