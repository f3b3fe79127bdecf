"""Simulate the transactions of a use case.

A module of `stack.demo.profiles` with the use case's name has its profile. A new module there is a
new simulator; nothing else knows the profiles by name.
"""

import pkgutil
from importlib import import_module

from pipelines.errors import DataError
from stack.demo import profiles
from stack.demo.world import DRIFTS, Profile, Transactions, World

__all__ = ["DRIFTS", "Profile", "Transactions", "World", "profile_of", "simulate", "simulated"]

DEFAULT = "fraud"


def simulated() -> list[str]:
    """List the use cases that have a simulator, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(profiles.__path__))


def profile_of(use_case: str) -> Profile:
    """Return the profile of a use case; DataError, with the use cases that have one, without."""
    names = simulated()
    if use_case not in names:
        raise DataError(
            f"there is no simulator of {use_case}: there is one of {', '.join(names)}; "
            f"run `sixgate ingest FILE -u {use_case}` to work with your own data"
        )
    profile: Profile = import_module(f"{profiles.__name__}.{use_case}").PROFILE
    return profile


def simulate(world: World, use_case: str = DEFAULT) -> Transactions:
    """Return the simulated transactions of a use case, ordered by time."""
    return profile_of(use_case).simulate(world)
