"""A model's trial: what the server's own code makes of real requests, and why a model may not serve after all."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.policy import FinalValidation

REFUSED = 3  # the process's exit code when it does not take the model or a request; any other is its own trouble


class ServingTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of the scoring server reports of its trial.

    scores: one for each request · p50, p99: seconds from a request's body to its answer's, without the network, each the least
    of `rounds` · memory: most bytes that the process held
    """

    scores: list[float]
    p50: float
    p99: float
    rounds: int
    memory: int


def why_unfit(
    trial: ServingTrial, expected: NDArray[np.float64] | None, limits: FinalValidation
) -> Iterator[str]:
    """Say why not: it misses the training library's `expected` scores (n,), or is slow or large beyond the limits.

    Scores are not compared where `expected` is None.
    """
    if expected is not None:
        if not len(expected) or len(trial.scores) != len(expected):
            yield f"{len(trial.scores)} of {len(expected)} requests were answered: there must be some, and all"
            return
        apart = float(np.max(np.abs(np.asarray(trial.scores) - expected), initial=0.0))
        if not apart <= limits.parity:
            yield f"its scores differ from the training library's by {apart:.2g}, more than {limits.parity:g}"
    if not trial.p99 <= limits.p99.total_seconds():
        yield f"p99 is {1000 * trial.p99:.2f} ms a request, more than {1000 * limits.p99.total_seconds():g} ms"
    if not trial.memory <= limits.memory_mb * 2**20:
        yield f"a worker with it needs {trial.memory / 2**20:.0f} MB, more than {limits.memory_mb}"


def requests(features: NDArray[np.float64], contract: Contract) -> list[dict[str, object]]:
    """Raw features (n, raw) as the API takes them."""
    columns = [typed(feature, features[:, at]) for at, feature in enumerate(contract.features)]
    return [dict(zip(contract.raw, values, strict=True)) for values in zip(*columns, strict=True)]


def typed(feature: Feature, values: NDArray[np.float64]) -> list[object]:
    """A feature's numbers (n,) as JSON has them: true and false, whole numbers, a category's name, null where missing."""
    if feature.type == "category":
        return [
            None if value != value else feature.values[int(value)] for value in values.tolist()
        ]  # NaN is not itself
    kind = {"bool": bool, "int": int}.get(feature.type, float)
    return [None if value != value else kind(value) for value in values.tolist()]
