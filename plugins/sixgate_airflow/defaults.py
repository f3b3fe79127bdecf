"""What every DAG shares: task defaults, and the policies that say when DAGs run."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.rules.policy import Policy
from pipelines.use_case import read_policies

DEFAULTS: dict[str, Any] = {
    "owner": "sixgate",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=2),
}
ROOT = Path(__file__).resolve().parent.parent.parent


def policies() -> Iterator[Policy]:
    """Every use case's policy, with the overlay that SIXGATE_POLICY_OVERLAY names."""
    over = os.environ.get("SIXGATE_POLICY_OVERLAY")
    yield from read_policies(ROOT / "reference", Path(over) if over else None)
