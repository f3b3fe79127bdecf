"""Defaults of all tasks, and the policies from which DAGs are built.

Settings are read from the environment, because pipelines.settings is slow to import and this module
is imported whenever a DAG file is parsed.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy import Policy
from pipelines.use_case import UseCase, chosen, read_each, read_in_force

DEFAULTS: dict[str, Any] = {
    "owner": "sixgate",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=2),
}
ROOT = Path(os.environ.get("SIXGATE_ROOT") or Path(__file__).resolve().parent.parent.parent)
REFERENCE = ROOT / "reference"


def use_cases() -> list[str]:
    """Return the use cases that this deployment runs, including those with invalid folders."""
    return chosen(REFERENCE, _only())


def policies() -> list[Policy]:
    """Return the policy of every use case of this deployment: its file's, or the last valid one."""
    in_force, _ = read_each(REFERENCE, _in_force, _only())
    return [use_case.policy for use_case in in_force]


def faults() -> dict[str, UseCaseError]:
    """Return the errors in the folders of use cases, by name, and what is in force instead.

    A use case without a last valid copy only has its rollback DAG.
    """
    in_force, invalid = read_each(REFERENCE, _in_force, _only())
    errors = dict(invalid)
    for use_case in in_force:
        if use_case.warning:
            errors[use_case.name] = use_case.warning
    return errors


def _in_force(folder: Path) -> UseCase:
    path = os.environ.get("SIXGATE_POLICY_OVERLAY")
    overlay = Path(path) if path else None
    home = Path(os.environ.get("SIXGATE_HOME") or ROOT / ".sixgate")
    return read_in_force(folder.parent, folder.name, overlay, home / "policies")


def _only() -> str:
    return os.environ.get("SIXGATE_USE_CASES", "")
