"""What every DAG shares: task defaults, and the policies that say when DAGs run.

Settings come from the environment, because pipelines.settings is slow to import where DAGs are parsed.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.default_policy import DEFAULT_POLICY
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.use_case import ALL, UseCase, chosen, read_each, read_in_force

DEFAULTS: dict[str, Any] = {
    "owner": "sixgate",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=2),
}
ROOT = Path(os.environ.get("SIXGATE_ROOT") or Path(__file__).resolve().parent.parent.parent)
REFERENCE = ROOT / "reference"


def use_cases() -> list[str]:
    """The use cases that this deployment runs, whether or not their folders are valid."""
    return chosen(REFERENCE, _only())


def policies() -> list[Policy]:
    """The policy in force of every use case that runs here: its file's, or the last valid one."""
    return [use_case.policy for use_case in read_each(REFERENCE, _in_force, _only())[0]]


def every_policy() -> list[Policy]:
    """The policies of all use cases there are, for housekeeping, which cleans tables that they share.

    The built-in policy stands for one that can't be read, so that no row is deleted for want of it.
    """
    in_force, invalid = read_each(REFERENCE, _in_force, ALL)
    built_in = [
        parse_policy(DEFAULT_POLICY, use_case=name, file="the built-in policy") for name in invalid
    ]
    return [use_case.policy for use_case in in_force] + built_in


def faults() -> dict[str, UseCaseError]:
    """What is wrong with the folders of use cases, by name, and what is in force instead.

    Without a valid copy a use case has no DAG but the rollback's.
    """
    in_force, invalid = read_each(REFERENCE, _in_force, _only())
    return invalid | {use_case.name: use_case.warning for use_case in in_force if use_case.warning}


def _in_force(folder: Path) -> UseCase:
    over = os.environ.get("SIXGATE_POLICY_OVERLAY")
    home = Path(os.environ.get("SIXGATE_HOME") or ROOT / ".sixgate")
    return read_in_force(
        folder.parent, folder.name, Path(over) if over else None, home / "policies"
    )


def _only() -> str:
    return os.environ.get("SIXGATE_USE_CASES", "")
