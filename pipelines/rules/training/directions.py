"""Directions in which scores may move: which estimators keep them, and whether a model does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelRejected, UseCaseError
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.training.estimators.interface import Estimator
from pipelines.rules.use_case.contract import Contract

ROWS = 100  # that are scored with other values of a column
VALUES = 20  # of a column that each of these rows is given
TOLERANCE = 1e-6  # of a score: float32 has about seven digits

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Keeping:
    """The estimators that keep a contract's directions, and for each other one why it is out."""

    estimators: list[Estimator]
    reasons: list[str]


def keeping(estimators: Sequence[Estimator], contract: Contract) -> Keeping:
    """Leave out the estimators that can't keep the contract's directions.

    UseCaseError when none is left.
    """
    names = directed(contract)
    if not names:
        return Keeping(list(estimators), [])
    kept = [each for each in estimators if keeps_directions(each)]
    out = [each.name for each in estimators if each not in kept]
    if not kept:
        raise UseCaseError(
            f"training.estimators: {', '.join(out)} can't keep a direction, and the contract says "
            f"`monotone` of {', '.join(names)}: add xgboost or lightgbm, or remove `monotone`"
        )
    return Keeping(
        kept,
        [
            f"{name} is not trained: it can't keep the direction (`monotone`) of {', '.join(names)}"
            for name in out
        ],
    )


def keeps_directions(estimator: Estimator) -> bool:
    """Whether an estimator says so; one of before the attribute existed does not."""
    return bool(getattr(estimator, "takes_directions", False))


def directed(contract: Contract) -> list[str]:
    """Return the names of the columns that have a direction."""
    pairs = zip(contract.columns, contract.directions, strict=True)
    return [name for name, direction in pairs if direction]


def indirect(contract: Contract) -> Iterator[str]:
    """Say of which raw features with a direction a derived feature without one is made.

    The raw feature then moves the score in two ways, and only one of them has a direction.
    """
    for derived in contract.derived:
        inputs = contract.formula(derived).inputs
        for feature in contract.features:
            if derived.monotone == "none" != feature.monotone and feature.name in inputs:
                yield (
                    f"{feature.name} is {feature.monotone}, and {derived.name}, which is computed "
                    "from it, has no direction: the score may still move the other way with it"
                )


def prepared_directions(
    preparation: Preparation | None, directions: tuple[int, ...]
) -> tuple[int, ...]:
    """Directions of the columns that an estimator is fitted on.

    A category's columns and numbers have none, and neither has a column that says where a value
    was missing.
    """
    if preparation is None or not directions:
        return directions
    columns = [
        direction
        for direction, count in zip(directions, preparation.categories, strict=True)
        for _ in range(count or 1)
    ]
    return (*columns, *(0 for _ in preparation.indicators))


def verify_directions(kind: str, graph: bytes, contract: Contract, features: Features) -> None:
    """Raise ModelRejected, with the estimator's name, where a score moves against a direction.

    Some of the rows (n, columns) are scored with values of the column from its lowest to its
    highest one.
    """
    scorer = OnnxScorer(graph)
    some = features[np.linspace(0, len(features) - 1, min(ROWS, len(features))).astype(int)]
    for column, direction in enumerate(contract.directions):
        values = _values(features[:, column])
        if not direction or len(values) < 2:
            continue
        rows = np.repeat(some, len(values), axis=0)
        rows[:, column] = np.tile(values, len(some))
        scores = scorer(rows).reshape(len(some), len(values))
        against = -direction * np.diff(scores.astype(np.float64), axis=1)
        if not against.max() <= TOLERANCE:
            raise ModelRejected(
                f"estimator {kind!r}: {contract.columns[column]} has a direction (`monotone`), and "
                f"scores move against it by up to {against.max():.2g}: correct its `fit`, or set "
                "`takes_directions` to false"
            )


def _values(column: Features) -> Features:
    """At most VALUES different values of a column in order, with the lowest and the highest."""
    different = np.unique(column[~np.isnan(column)])
    count = min(VALUES, len(different))
    return np.asarray(different[np.linspace(0, len(different) - 1, count).astype(int)])
