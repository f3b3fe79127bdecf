"""Steps that are small programs, and the context that Airflow gives a task."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sixgate_airflow.step import StepProcess


def context(*, params: dict[str, Any] | None = None, conf: dict[str, Any] | None = None) -> Any:
    run = SimpleNamespace(
        run_after=datetime(2026, 1, 5, tzinfo=UTC),
        run_type=SimpleNamespace(value="manual"),
        conf=conf,
        triggering_user_name="ana",
    )
    return {"dag_run": run, "run_id": "manual__1", "params": params or {}}


class Program(StepProcess):
    """A step whose process runs a program."""

    def __init__(self, code: str) -> None:
        super().__init__("measure", "fraud")
        self._code = code

    def command(self, context: Any) -> list[str]:
        return [sys.executable, "-c", self._code]
