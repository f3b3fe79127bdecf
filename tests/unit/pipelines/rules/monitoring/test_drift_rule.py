"""A feature drifts when the change is large and chance does not explain it."""

import msgspec
import pytest

from pipelines.rules.monitoring.drift_rule import SIZE, TEST, has_drifted, thresholds, with_test
from pipelines.rules.monitoring.drift_statistics.interface import StatisticValue
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

DRIFT = msgspec.structs.replace(
    read_policy(ROOT / "reference" / "fraud").drift, psi=0.1, level=0.001
)


def values(psi: float, p_value: float | None) -> dict[str, StatisticValue]:
    return {
        SIZE.name: StatisticValue(value=psi, expected=0.05),
        TEST.name: StatisticValue(value=9.0, expected=3.0, p_value=p_value),
    }


@pytest.mark.parametrize(
    ("psi", "p_value", "drifted"),
    [
        pytest.param(0.2, 1e-6, True, id="a large and significant change"),
        pytest.param(0.14, 1e-6, False, id="a significant change that is small"),
        pytest.param(0.2, 0.01, False, id="a large change that may be chance"),
        pytest.param(0.2, None, False, id="a large change without a p-value"),
    ],
)
def test_both_conditions_are_needed(psi: float, p_value: float | None, drifted: bool) -> None:
    assert has_drifted(values(psi, p_value), DRIFT) is drifted


def test_the_policy_has_the_thresholds_of_the_two() -> None:
    assert thresholds(DRIFT) == {"psi": 0.1, "chi_square": 0.001}


def test_psi_has_the_p_value_of_the_test_beside_it() -> None:
    assert with_test(values(0.2, 0.01))["psi"].p_value == 0.01
    assert with_test({}) == {}, "an ignored feature has neither"
