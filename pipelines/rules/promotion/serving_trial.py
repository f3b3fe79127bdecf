"""The trial of a model in a scoring server process, and why a model may not serve after it."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.policy_sections.promotion import FinalValidation

MEGABYTE = 2**20


class ServingTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of the scoring server reports of its trial.

    scores: one for each request · p50, p99: seconds from a request's body to its response, without
    the network, each the least of `rounds` · memory: the most bytes that the process held
    """

    scores: list[float]
    p50: float
    p99: float
    rounds: int
    memory: int


def why_unfit(
    trial: ServingTrial, expected: NDArray[np.float64] | None, limits: FinalValidation
) -> Iterator[str]:
    """Yield why the model may not serve: its scores are wrong, or it is too slow or too large.

    Scores are compared with the training library's `expected` ones (n,), unless these are None.
    """
    if expected is not None:
        n = len(expected)
        if not n or len(trial.scores) != n:
            yield (
                f"{len(trial.scores)} of {n} requests were answered: "
                "there must be at least one, and all must be answered"
            )
            return
        differences = np.asarray(trial.scores) - expected
        distance = float(np.abs(differences).max())
        if not distance <= limits.parity:  # also when it is NaN
            yield (
                f"its scores differ from the training library's by {distance:.2g}, "
                f"more than {limits.parity:g}"
            )
    p99_limit = limits.p99.total_seconds()
    if not trial.p99 <= p99_limit:
        p99_ms = 1000 * trial.p99
        limit_ms = 1000 * p99_limit
        yield f"p99 is {p99_ms:.2f} ms per request, more than {limit_ms:g} ms"
    memory_mb = trial.memory / MEGABYTE
    if not memory_mb <= limits.memory_mb:
        yield f"a worker with it needs {memory_mb:.0f} MB, more than {limits.memory_mb} MB"


def requests(features: NDArray[np.float64], contract: Contract) -> list[dict[str, object]]:
    """Convert raw features (n, raw) to the bodies of n requests to the API."""
    columns = []
    for index, feature in enumerate(contract.features):
        column = typed(feature, features[:, index])
        columns.append(column)
    names = contract.raw
    rows = zip(*columns, strict=True)
    return [dict(zip(names, values, strict=True)) for values in rows]


def typed(feature: Feature, values: NDArray[np.float64]) -> list[object]:
    """Convert the numbers (n,) of a feature to JSON values.

    These are true and false, integers, the names of categories, and null where NaN.
    """
    # NaN is the only number that is not equal to itself.
    if feature.type == "category":
        return [None if value != value else feature.values[int(value)] for value in values.tolist()]
    convert = {"bool": bool, "int": int}.get(feature.type, float)
    return [None if value != value else convert(value) for value in values.tolist()]
