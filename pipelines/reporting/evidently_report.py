"""Evidently's interactive page of a window's drift. Importing it takes seconds: only the report step does."""

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy import Drift

NUMBERS, CATEGORIES = (
    "wasserstein",
    "jensenshannon",
)  # named, as the library's own choice depends on the number of rows
LEVEL = 0.1  # of either, in standard deviations and as a distance


def drift_page(
    contract: Contract, reference: NDArray[np.float64], current: NDArray[np.float64], drift: Drift
) -> str:
    """HTML, about 5 MB, of two samples (n, columns) in the contract's order. It loads nothing from anywhere.

    A feature that is missing in every row of either is left out: Evidently compares no empty columns.
    """
    there = [
        at
        for at in range(len(contract.columns))
        if all((~np.isnan(rows[:, at])).any() for rows in (reference, current))
    ]
    shown = [contract.columns[at] for at in there]
    named = [
        f.name for f in contract.features if f.type in ("bool", "category") and f.name in shown
    ]
    kinds = DataDefinition(
        numerical_columns=[name for name in shown if name not in named], categorical_columns=named
    )
    preset = DataDriftPreset(
        num_method=NUMBERS,
        cat_method=CATEGORIES,
        num_threshold=LEVEL,
        cat_threshold=LEVEL,
        drift_share=drift.dataset_share,
    )
    samples = [
        Dataset.from_pandas(_table(contract, rows)[shown], data_definition=kinds)
        for rows in (current, reference)
    ]
    return str(Report([preset]).run(*samples).get_html_str(as_iframe=False))


def _table(contract: Contract, rows: NDArray[np.float64]) -> pd.DataFrame:
    """Categories and truth values by their names."""
    table = pd.DataFrame(rows, columns=list(contract.columns))
    for feature in contract.features:
        if feature.type in ("bool", "category"):
            words = dict(enumerate(feature.values or ("no", "yes")))
            table[feature.name] = [
                None if np.isnan(v) else words.get(v, f"{v:g}") for v in table[feature.name]
            ]
    return table
