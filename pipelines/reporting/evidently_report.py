"""Evidently's interactive report of a window's drift.

Importing Evidently takes seconds, so only the report step imports this module.
"""

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.monitoring import Drift

# Set explicitly, because Evidently's defaults depend on the number of rows.
NUMERIC_METHOD = "wasserstein"
CATEGORICAL_METHOD = "jensenshannon"
THRESHOLD = 0.1  # of either, in standard deviations and as a distance
DISCRETE = ("bool", "category")

Rows = NDArray[np.float64]


def drift_page(contract: Contract, reference: Rows, current: Rows, drift: Drift) -> str:
    """HTML, about 5 MB, of two samples (n, columns) in the contract's order.

    The page loads nothing from a network. A feature that is missing in every row of either sample
    is left out, because Evidently does not compare empty columns.
    """
    columns = [
        name
        for index, name in enumerate(contract.columns)
        if _has_values(reference[:, index]) and _has_values(current[:, index])
    ]
    discrete = [feature.name for feature in contract.features if feature.type in DISCRETE]
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name not in discrete],
        categorical_columns=[name for name in columns if name in discrete],
    )
    preset = DataDriftPreset(
        num_method=NUMERIC_METHOD,
        cat_method=CATEGORICAL_METHOD,
        num_threshold=THRESHOLD,
        cat_threshold=THRESHOLD,
        drift_share=drift.dataset_share,
    )
    samples = [
        Dataset.from_pandas(_table(contract, rows)[columns], data_definition=definition)
        for rows in (current, reference)
    ]
    snapshot = Report([preset]).run(*samples)
    return str(snapshot.get_html_str(as_iframe=False))


def _has_values(column: NDArray[np.float64]) -> bool:
    return not np.isnan(column).all()


def _table(contract: Contract, rows: Rows) -> pd.DataFrame:
    """The rows with categories and truth values by name."""
    table = pd.DataFrame(rows, columns=list(contract.columns))
    for feature in contract.features:
        if feature.type in DISCRETE:
            values = feature.values or ("no", "yes")
            names = {float(number): name for number, name in enumerate(values)}
            column = table[feature.name]
            named = [_name(value, names) for value in column]
            table[feature.name] = named
    return table


def _name(value: float, names: dict[float, str]) -> str | None:
    """The name of a category's number; the number itself when it has no name."""
    if np.isnan(value):
        return None
    return names.get(value, f"{value:g}")
