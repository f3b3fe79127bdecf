"""One whole stack for the end-to-end tests, with a home, ports and use cases of its own; gone afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from pipelines.settings import ROOT, Settings
from stack import lifecycle
from stack.temporary_services import free_port

PORTS = ("SIXGATE_PG_PORT", "SIXGATE_AIRFLOW_PORT", "SIXGATE_MLFLOW_PORT", "SIXGATE_API_PORT")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A running stack under the demo's overlay; its use cases are copies, which a test may break."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(ROOT / "reference", root / "reference")
    for folder in ("dags", "plugins", "sql"):
        (root / folder).symlink_to(ROOT / folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_CORE_"))]:
            patch.delenv(name)  # what is measured is this process; Airflow's would only get slower
        patch.setenv("SIXGATE_HOME", str(tmp_path_factory.mktemp("stack")))
        patch.setenv("SIXGATE_ROOT", str(root))
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
