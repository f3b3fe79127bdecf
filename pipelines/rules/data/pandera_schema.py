"""The contract as a pandera schema, and what its failures say."""

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

SHOWN = 5


def schema(contract: Contract) -> pa.DataFrameSchema:
    """Build the schema of a frame with the raw features and a `label` column of 0 and 1."""
    columns = {
        feature.name: pa.Column(float, _checks(feature), nullable=feature.nullable)
        for feature in contract.features
    }
    return pa.DataFrameSchema({"label": pa.Column("int8", pa.Check.isin([0, 1])), **columns})


def failures(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Check every row and every rule; return all failures (column, check, failure_case, index), empty when there are none."""
    try:
        schema(contract).validate(
            frame, lazy=True, inplace=True
        )  # nothing is coerced, so nothing changes
    except pa.errors.SchemaErrors as errors:
        return pd.DataFrame(errors.failure_cases[["column", "check", "failure_case", "index"]])
    return pd.DataFrame(columns=["column", "check", "failure_case", "index"])


def positions(found: pd.DataFrame) -> NDArray[np.int64]:
    """The rows that failed, in order."""
    return np.unique(found["index"].dropna().to_numpy(np.int64))


def reasons(found: pd.DataFrame) -> list[str]:
    """Why each of these rows failed, in their order."""
    rows = (
        found.dropna(subset=["index"])
        .astype({"index": np.int64})
        .sort_values("index", kind="stable")
    )
    words = (
        rows["column"].astype(str)
        + ": "
        + rows["check"].astype(str)
        + ", got "
        + rows["failure_case"].astype(str)
    )
    return [str(text) for text in words.groupby(rows["index"]).agg("; ".join)]


def summary(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Failures by column and check with their count, an example, and the positions of some; most first."""
    groups = found.groupby(["column", "check"], dropna=False)
    told = [
        {
            "column": column, "check": check, "rows": len(group), "example": str(group["failure_case"].iloc[0]),
            "positions": tuple(positions(group)[:SHOWN].tolist()),
        }
        for (column, check), group in groups
    ]  # fmt: skip
    return sorted(told, key=lambda each: -each["rows"])


def _checks(feature: Feature) -> list[pa.Check]:
    if feature.type == "bool":
        return [pa.Check.isin([0.0, 1.0])]
    if feature.type == "category":
        return [pa.Check.isin([float(index) for index in range(len(feature.values))])]
    checks = [pa.Check.in_range(*feature.range)] if feature.range else []
    if feature.type == "int":
        checks.append(pa.Check(lambda values: values == values.round(), name="whole_number"))
    return checks
