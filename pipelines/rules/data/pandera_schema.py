"""The contract as a pandera schema, and reports of the rows that break it."""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

SAMPLE_ROWS = 5  # row positions that a group of failures lists
FAILURE_COLUMNS = ["column", "check", "failure_case", "index"]


def schema(contract: Contract) -> pa.DataFrameSchema:
    """Build the schema of a frame with the raw features and a `label` column of 0 and 1."""
    label = pa.Column("int8", pa.Check.isin([0, 1]))
    columns = {"label": label}
    for feature in contract.features:
        columns[feature.name] = pa.Column(
            float,
            _checks(feature),
            nullable=feature.nullable,
        )
    return pa.DataFrameSchema(columns)


def failures(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Check every row against every rule; return all failures, or an empty frame.

    A failure has the columns column, check, failure_case and index, the position of the row.
    """
    try:
        # Nothing is coerced, so that `inplace` saves a copy and changes nothing.
        schema(contract).validate(frame, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        return pd.DataFrame(errors.failure_cases[FAILURE_COLUMNS])
    return pd.DataFrame(columns=FAILURE_COLUMNS)


def positions(failed: pd.DataFrame) -> NDArray[np.int64]:
    """Return the positions of the rows that failed, in ascending order."""
    indexes = failed["index"].dropna()
    return np.unique(indexes.to_numpy(np.int64))


def reasons(failed: pd.DataFrame) -> list[str]:
    """Return why each row failed, in the order of `positions`."""
    rows = failed.dropna(subset=["index"])
    rows = rows.astype({"index": np.int64})
    rows = rows.sort_values("index", kind="stable")
    column = rows["column"].astype(str)
    check = rows["check"].astype(str)
    value = rows["failure_case"].astype(str)
    texts = column + ": " + check + ", got " + value
    by_row = texts.groupby(rows["index"]).agg("; ".join)
    return [str(text) for text in by_row]


def summary(failed: pd.DataFrame) -> list[dict[str, Any]]:
    """Group failures by column and check, the most frequent first.

    A group has its number of rows, an example and the positions of some rows.
    """
    groups = [
        {
            "column": column,
            "check": check,
            "rows": len(group),
            "example": str(group["failure_case"].iloc[0]),
            "positions": tuple(positions(group)[:SAMPLE_ROWS].tolist()),
        }
        for (column, check), group in failed.groupby(["column", "check"], dropna=False)
    ]
    return sorted(groups, key=lambda group: -group["rows"])


def _checks(feature: Feature) -> list[pa.Check]:
    if feature.type == "bool":
        return [pa.Check.isin([0.0, 1.0])]
    if feature.type == "category":
        n = len(feature.values)
        indexes = [float(index) for index in range(n)]
        return [pa.Check.isin(indexes)]
    checks = []
    if feature.range and feature.beyond != "accept":
        checks.append(pa.Check.in_range(*feature.range))
    if feature.type == "int":
        whole = pa.Check(lambda values: values == values.round(), name="whole_number")
        checks.append(whole)
    return checks
