"""Readers by the name of a file, and the name of the scored file."""

from pathlib import Path

import pytest

from pipelines.batch_scoring.files.formats import open_rows, scored_file
from pipelines.errors import DataError, ParameterError
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.serving.made import FRAUD


@pytest.mark.parametrize(
    ("file", "form", "name"),
    [
        ("a.csv", None, "a.scored.csv"),
        ("a.b.tsv", None, "a.b.scored.tsv"),
        ("a.csv.gz", None, "a.scored.csv.gz"),
        ("a.csv", "parquet", "a.scored.parquet"),
        ("a.parquet", None, "a.scored.parquet"),
        ("a.feather", None, "a.scored.parquet"),
        ("a.parquet", "csv", "a.scored.csv"),
    ],
)
def test_the_scored_file_is_beside_the_file(file: str, form: str | None, name: str) -> None:
    path, _ = scored_file(Path("in") / file, out=None, form=form)
    assert path == Path("in") / name


def test_the_format_is_that_of_the_output_s_name() -> None:
    assert scored_file(Path("a.csv"), out=Path("b.parquet"), form=None)[1] == "parquet"
    assert scored_file(Path("a.parquet"), out=Path("b.csv.gz"), form=None)[1] == "csv"
    assert scored_file(Path("a.parquet"), out=Path("b"), form="csv")[1] == "csv"


@pytest.mark.parametrize(
    ("out", "form", "message"),
    [
        (None, "xlsx", "--format 'xlsx' is unknown: use csv or parquet"),
        ("b.dat", None, "does not say its format"),
        ("b.csv", "parquet", "is named as csv, and --format is parquet"),
    ],
)
def test_an_output_that_can_t_be_meant_is_refused(
    out: str | None, form: str | None, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        scored_file(Path("a.csv"), out=Path(out) if out else None, form=form)


def test_a_file_that_is_missing_or_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist or is not a file"):
        open_rows(tmp_path / "a.csv", FRAUD, CsvFormat())
    workbook = tmp_path / "a.xlsx"
    workbook.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"'.xlsx' is not a format that can be scored"):
        open_rows(workbook, FRAUD, CsvFormat())
    damaged = tmp_path / "a.parquet"
    damaged.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is not a valid Parquet or Arrow file"):
        open_rows(damaged, FRAUD, CsvFormat())
