"""Slices of the evidence: conditions on features that select rows where a model may be worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.expression import BadExpression, Formula, read_condition

if TYPE_CHECKING:  # Airflow parses DAGs often, and reading a use case there must stay cheap
    import numpy as np
    from numpy.typing import NDArray


def conditions(slices: Mapping[str, str], contract: Contract) -> dict[str, Formula]:
    """Check the policy's slices against the contract's columns.

    A fault raises UseCaseError, which names key, value and remedy.
    """
    categories = {feature.name for feature in contract.features if feature.type == "category"}
    columns = [name for name in contract.columns if name not in categories]
    formulas = {}
    for name, condition in slices.items():
        try:
            formulas[name] = read_condition(condition, columns)
        except BadExpression as error:
            key = f"{contract.use_case}/policy.yaml: evaluation.slices.{name}"
            raise UseCaseError(f"{key}: {error.part!r} {error.remedy}") from error
    return formulas


def masks(
    slices: Mapping[str, str], contract: Contract, features: NDArray[np.float64]
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask (n,) of features (n, columns) for each slice.

    A missing value meets no condition but `!=`.
    """
    import numexpr

    columns = contract.columns
    selected = {}
    for name, formula in conditions(slices, contract).items():
        inputs = {}
        for column in formula.inputs:
            position = columns.index(column)
            inputs[column] = features[:, position]
        selected[name] = numexpr.evaluate(formula.text, inputs)
    return selected
