"""The drift statistics that are installed here, found by their entry points."""

from collections import Counter
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pipelines.errors import SixgateError
from pipelines.rules.monitoring.drift_check import RESERVED_NAMES
from pipelines.rules.monitoring.drift_rule import DECIDING
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic

GROUP = "sixgate.drift_statistics"


@cache
def installed_statistics() -> tuple[DriftStatistic, ...]:
    """All drift statistics, Sixgate's own and those of other packages, in their order.

    They are loaded once in each process. SixgateError when one can't be used.
    """
    statistics = [_load(point) for point in entry_points(group=GROUP)]
    names = Counter(statistic.name for statistic in statistics)
    for name, times in names.items():
        if times > 1:
            raise SixgateError(f"drift statistic {name!r} is installed {times} times: remove one")
    missing = [statistic.name for statistic in DECIDING if statistic.name not in names]
    if missing:
        raise SixgateError(
            f"drift statistics {', '.join(missing)} are not installed: install Sixgate again"
        )
    return tuple(sorted(statistics, key=lambda statistic: (statistic.order, statistic.name)))


def _load(point: EntryPoint) -> DriftStatistic:
    try:
        statistic: DriftStatistic = point.load()()
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
        raise SixgateError(
            f"drift statistic {point.name!r} can't be imported: {error}: "
            "install what it needs, or remove its package"
        ) from error
    if statistic.name != point.name:
        raise SixgateError(
            f"drift statistic {point.name!r} calls itself {statistic.name!r}: "
            "the entry point's name must be the same"
        )
    if statistic.name in RESERVED_NAMES:
        raise SixgateError(
            f"drift statistic {statistic.name!r} has the name of another metric: rename it"
        )
    return statistic
