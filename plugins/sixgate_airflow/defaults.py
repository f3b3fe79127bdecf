"""What every DAG shares: task defaults, and the policies that say when DAGs run."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from croniter import croniter

from pipelines.errors import UseCaseError
from pipelines.rules.policy import Policy
from pipelines.use_case import read_contract, read_each, read_policy

DEFAULTS: dict[str, Any] = {
    "owner": "sixgate",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=2),
}
ROOT = Path(__file__).resolve().parent.parent.parent


def policies() -> list[Policy]:
    """The policy of every use case that has a sound one, with the overlay that SIXGATE_POLICY_OVERLAY names."""
    return read_each(ROOT / "reference", _policy)[0]


def faults() -> dict[str, UseCaseError]:
    """What is wrong with the folders of use cases, by name: these have no DAGs, or DAGs whose tasks can't run."""
    return read_each(ROOT / "reference", _policy)[1] | read_each(ROOT / "reference", read_contract)[1]


def _policy(folder: Path) -> Policy:
    over = os.environ.get("SIXGATE_POLICY_OVERLAY")
    policy = read_policy(folder, Path(over) if over else None)
    for kind in ("retraining", "drift", "explanation"):
        schedule = getattr(policy, kind).schedule
        if not croniter.is_valid(schedule):
            raise UseCaseError(
                f"{folder.name}/policy.yaml: {kind}.schedule: {schedule!r} is no cron expression: see crontab(5)"
            )
    return policy
