"""One whole stack for the end-to-end tests, in a home and on ports of its own; gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pipelines.settings import ROOT, Settings
from stack import lifecycle
from stack.throwaway import free_port

PORTS = ("SIXGATE_PG_PORT", "SIXGATE_AIRFLOW_PORT", "SIXGATE_MLFLOW_PORT", "SIXGATE_API_PORT")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running stack under the demo's overlay."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_CORE_"))]:
            patch.delenv(name)  # what is measured is this process; Airflow's would only get slower
        patch.setenv("SIXGATE_HOME", str(tmp_path_factory.mktemp("stack")))
        patch.setenv("SIXGATE_POLICY_OVERLAY", str(ROOT / "stack" / "policy.demo.yaml"))
        for name in PORTS:
            patch.setenv(name, str(free_port()))
        settings = Settings.load()
        try:
            assert lifecycle.up(settings, say=print)
            yield Settings.load()
        finally:
            lifecycle.down(settings)
            lifecycle.delete(settings)
