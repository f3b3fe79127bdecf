"""A drift check of now."""

import pytest

from pipelines.context import Context
from tests.integration.drift_checks import CHECK, odd_traffic, run


@pytest.fixture
def current(wired: Context) -> Context:
    """Odd traffic of six hours and a check of now, which opened a severe alert."""
    odd_traffic(wired)
    assert run(wired, "current", *CHECK)["alerts"]["feature_drift"] == "SEVERE"
    return wired
