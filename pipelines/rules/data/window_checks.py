"""Warnings about columns that say nothing in one of a run's windows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract

Features = NDArray[np.float64]
MOST_VALUES = 5  # categories that a warning names


def window_warnings(
    train: Features, tune_from: int, holdout: Features, contract: Contract
) -> Iterator[str]:
    """Name columns that a model can't learn from, or not be judged on.

    train (n, columns), of which the rows from position `tune_from` on tune the model; holdout
    (m, columns). A column of the contract that is blank or constant in all rows has its warning
    from `dataset_checks.copies`; here it is a derived one.
    """
    for column, name in enumerate(contract.columns):
        learned = train[:, column]
        held_out = holdout[:, column]
        everywhere = np.concatenate([learned, held_out])
        if _distinct(everywhere) < 2:
            if name not in contract.raw:
                yield _everywhere(name, everywhere)
            continue
        yield from _one_column(name, learned, learned[tune_from:], held_out)
        yield from _categories(name, learned, held_out, contract)


def _everywhere(name: str, values: Features) -> str:
    fault = "is missing" if np.isnan(values).all() else "has the same value"
    return f"{name}: it {fault} in every row: check the derived feature's expression"


def _one_column(
    name: str, learned: Features, tuning: Features, held_out: Features
) -> Iterator[str]:
    if np.isnan(learned).all():
        yield f"{name}: it is missing in every training row: the model can't use it"
        return
    if np.isnan(held_out).all():
        yield f"{name}: it is missing in every held-out row: the model is judged without it"
    if np.isnan(tuning).all():
        yield (
            f"{name}: it is missing in every tuning row: the threshold is set without it, and may "
            "not suit rows that have it"
        )
    if _distinct(learned) == 1 and not np.isnan(learned).any():
        yield f"{name}: every training row has the same value: the model can't use it"


def _categories(
    name: str, learned: Features, held_out: Features, contract: Contract
) -> Iterator[str]:
    count = contract.categories[contract.columns.index(name)] if contract.categories else 0
    if not count:
        return
    new = np.setdiff1d(held_out[~np.isnan(held_out)], learned[~np.isnan(learned)]).astype(int)
    if not len(new):
        return
    values = next(each for each in contract.features if each.name == name).values
    names = ", ".join(str(values[index]) for index in new[:MOST_VALUES])
    more = " …" if len(new) > MOST_VALUES else ""
    yield f"{name}: no training row has {names}{more}, which held-out rows have"


def _distinct(values: Features) -> int:
    """The number of distinct values; missing values are no value."""
    return len(np.unique(values[~np.isnan(values)]))
