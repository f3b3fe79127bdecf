"""Public tables as `sixgate new` reads them, and one with a category of many levels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingestion import ingest
from pipelines.ingestion.data_profile import Answers, examine
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.use_case_proposal import propose
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.dataset import columns_of

SEED = 6


@dataclass(frozen=True)
class Known:
    """A public file, its label, and the ROC-AUC that must be reached; 0 where there is none."""

    name: str
    file: str
    label: str
    positive: tuple[str, ...] = ()
    least: float = 0.0


KNOWN = (
    Known("hmeq", "hmeq.csv", "BAD"),
    Known("loan_default", "Default_Fin.csv", "Defaulted?", least=0.947),
    Known("credit_risk", "cs-training.csv.gz", "SeriousDlqin2yrs", least=0.866),
)


@dataclass(frozen=True)
class PublicTable:
    """Rows as models learn from them, and the same as a table for other libraries."""

    name: str
    rows: Rows
    frame: pd.DataFrame
    refused: int


def read_table(known: Known, folder: Path, work: Path) -> PublicTable:
    """Read a file under the contract that `sixgate new` proposes, without any edit."""
    file = folder / known.file
    answers = Answers(label=known.label, positive=known.positive)
    found = examine(lambda contract: open_file(file, contract, CsvFormat()), answers)
    contract = propose(known.name, found, answers, threads=1).contract
    artifacts = Artifacts(work / known.name)
    ingested = ingest(file, contract, artifacts)
    table = artifacts.load("snapshots", ingested.snapshot)
    order = np.random.default_rng(SEED).permutation(len(table))
    table = table.take(pa.array(order))
    features = columns_of(table, contract).astype(np.float32)
    labels = np.asarray(table["label"].to_numpy(), np.int8)
    rows = Rows(features, labels, contract.categories)
    return PublicTable(known.name, rows, _frame(features, contract), ingested.quarantined)


def _frame(features: NDArray[np.float32], contract: Contract) -> pd.DataFrame:
    """Return numbers as they are, and categories with their names."""
    columns = {}
    for index, name in enumerate(contract.columns):
        values = features[:, index]
        levels = contract.features[index].values if index < len(contract.features) else ()
        columns[name] = pd.Series(values)
        if levels:
            codes = np.where(np.isnan(values), -1, values).astype(int)
            columns[name] = pd.Series(pd.Categorical.from_codes(codes, list(levels)))
    return pd.DataFrame(columns)


def many_levels(n: int = 40_000, levels: int = 500) -> Rows:
    """Draw rows whose label depends on a category with many levels and on two numbers."""
    random = np.random.default_rng(SEED)
    effects = random.normal(0, 1, levels)
    level = random.integers(0, levels, n)
    numbers = random.normal(size=(n, 2))
    log_odds = -2 + effects[level] + numbers[:, 0] - 0.5 * numbers[:, 1]
    labels = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    features = np.column_stack([level, numbers]).astype(np.float32)
    return Rows(features, labels, (levels, 0, 0))
