"""Why a model may not serve, from what its trial reported."""

import math
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from pipelines.rules.promotion.serving_trial import ServingTrial, why_unfit
from pipelines.rules.use_case.policy_sections.promotion import FinalValidation

LIMITS = FinalValidation(requests=10, parity=1e-5, p99=timedelta(milliseconds=10), memory_mb=400)
GOOD = ServingTrial(scores=[0.1, 0.9], p50=0.0001, p99=0.01, rounds=3, memory=400 * 2**20)


def test_on_the_limits_it_may_serve() -> None:
    assert list(why_unfit(GOOD, np.array([0.1, 0.9]), LIMITS)) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param(
            {"scores": [0.1, 0.9001]},
            "differ from the training library's by 0.0001",
            id="another score",
        ),
        pytest.param(
            {"scores": [0.1, math.nan]}, "differ from the training library's by nan", id="no number"
        ),
        pytest.param({"scores": [0.1]}, "1 of 2 requests", id="an answer is missing"),
        pytest.param({"p99": 0.0101}, "p99 is 10.10 ms", id="slow"),
        pytest.param({"p99": math.nan}, "p99 is nan", id="not measured"),
        pytest.param({"memory": 401 * 2**20}, "needs 401 MB", id="large"),
    ],
)
def test_what_is_beyond_a_limit_may_not(changed: dict[str, Any], words: str) -> None:
    (why,) = why_unfit(msgspec.structs.replace(GOOD, **changed), np.array([0.1, 0.9]), LIMITS)
    assert words in why


def test_no_request_is_no_evidence() -> None:
    (why,) = why_unfit(msgspec.structs.replace(GOOD, scores=[]), np.array([]), LIMITS)
    assert why.startswith("0 of 0 requests")
