"""Rows of the use case fraud in files, and a model that scores them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.batch_scoring.file_scoring import score_rows
from pipelines.batch_scoring.files.formats import open_rows, scored_file
from pipelines.batch_scoring.result import ScoredFile
from pipelines.batch_scoring.serving_model import BatchModel
from pipelines.rules.batch_scoring.scored_rows import RowScorer
from pipelines.rules.model.bundle import Bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.stores.artifacts import Artifacts
from tests.unit.serving.made import FRAUD, files


def model(version: int = 7, bias: float = 0.0) -> BatchModel:
    bundle_files = files(bias=bias)
    bundle = msgspec.json.decode(bundle_files["bundle.json"], type=Bundle)
    scorer = RowScorer(FRAUD, bundle, OnnxScorer(bundle_files["model.onnx"]), FRAUD)
    return BatchModel(version, FRAUD, scorer)


def row(number: int, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {feature.name: 0.5 for feature in FRAUD.features}
    usual |= {"during_weekend": 0, "during_night": 1, "amount": 10.25 * (number % 97)}
    document = {"note": f'note "{number}"', "transaction_id": f"t{number}", "customer_id": "c-1"}
    document |= {"event_time": "2026-01-01T12:00:00Z", **usual}
    return document | changes


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    table = pa.Table.from_pylist(rows)
    if file.suffix == ".parquet":
        pq.write_table(table, file)
    elif file.suffix in (".feather", ".arrow"):
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        pyarrow.csv.write_csv(table, file)
    return file


def scored(file: Path, out: str | None = None, **options: Any) -> tuple[ScoredFile, pa.Table]:
    """Score a file, and read the scored file."""
    target, form = scored_file(file, out=file.parent / out if out else None, form=None)
    csv = options.pop("csv", CsvFormat())
    rows = open_rows(file, FRAUD, csv)
    artifacts = Artifacts(file.parent / "artifacts")
    result = score_rows(rows, options.pop("model", model()), artifacts, target, form, **options)
    return result, read(target)


def read(file: Path) -> pa.Table:
    if file.suffix == ".parquet":
        return pq.read_table(file)
    return pyarrow.csv.read_csv(
        file, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
    )
