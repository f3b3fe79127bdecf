"""Slices of the evidence: named conditions on features, in which a model may be worse than it is on the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.expression import BadExpression, Formula, read_condition

if TYPE_CHECKING:  # a use case is read where Airflow parses DAGs, and that must stay light
    import numpy as np
    from numpy.typing import NDArray


def conditions(slices: Mapping[str, str], contract: Contract) -> dict[str, Formula]:
    """Check the policy's slices against the contract's columns, or raise UseCaseError naming key, value and remedy."""
    categories = {feature.name for feature in contract.features if feature.type == "category"}
    columns, found = [name for name in contract.columns if name not in categories], {}
    for name, condition in slices.items():
        try:
            found[name] = read_condition(condition, columns)
        except BadExpression as error:
            key = f"{contract.use_case}/policy.yaml: evaluation.slices.{name}"
            raise UseCaseError(f"{key}: {error.part!r} {error.remedy}") from error
    return found


def masks(
    slices: Mapping[str, str], contract: Contract, features: NDArray[np.float64]
) -> dict[str, NDArray[np.bool_]]:
    """Which rows (n,) of features (n, columns) lie in each slice; a missing value meets no condition but `!=`."""
    import numexpr

    at = {name: index for index, name in enumerate(contract.columns)}
    return {
        name: numexpr.evaluate(
            formula.text, {column: features[:, at[column]] for column in formula.inputs}
        )
        for name, formula in conditions(slices, contract).items()
    }
