"""The rule by which a feature drifts: a large change that chance does not explain.

It names the two statistics that it decides by. Metrics, tables and pages loop over all statistics
and know none by name.
"""

from collections.abc import Mapping
from dataclasses import replace

from pipelines.rules.monitoring.drift_statistics.chi_square import ChiSquareTest
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic, StatisticValue
from pipelines.rules.monitoring.drift_statistics.psi import PopulationStabilityIndex
from pipelines.rules.use_case.policy_sections.monitoring import Drift

SIZE: DriftStatistic = PopulationStabilityIndex()
TEST: DriftStatistic = ChiSquareTest()
DECIDING = (SIZE, TEST)

Values = Mapping[str, StatisticValue]  # by statistic


def has_drifted(values: Values, drift: Drift) -> bool:
    """Whether SIZE exceeds its expected value by more than `drift.psi` and TEST is significant.

    TEST's p-value is corrected for the number of features and must be below `drift.level`.
    """
    p_value = values[TEST.name].p_value
    is_large = values[SIZE.name].excess > drift.psi
    return is_large and p_value is not None and p_value < drift.level


def thresholds(drift: Drift) -> dict[str, float]:
    """What the statistics are compared with, by statistic."""
    return {SIZE.name: drift.psi, TEST.name: drift.level}


def with_test(values: Values) -> dict[str, StatisticValue]:
    """The values with TEST's p-value beside SIZE, as it is before any correction."""
    size = values.get(SIZE.name)
    if size is None:
        return dict(values)
    return {**values, SIZE.name: replace(size, p_value=values[TEST.name].p_value)}
