"""The golden table at the doors that need no service: how many of its cases do not hold."""

from tests.golden.cases import ALL_CASES
from tests.golden.doors import golden_failures


def figures() -> dict[str, float]:
    """Return `golden_cases` and `golden_failures`; failures are printed."""
    failures = golden_failures(ALL_CASES)
    for failure in failures:
        print(failure)
    return {"golden_cases": float(len(ALL_CASES)), "golden_failures": float(len(failures))}
