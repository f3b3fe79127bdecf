"""A scored file is complete or absent."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.batch_scoring.files import scored_files
from pipelines.batch_scoring.files.formats import open_rows
from pipelines.batch_scoring.files.scored_files import AddedValues, writing
from pipelines.rules.batch_scoring.output_columns import added_columns
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.pipelines.batch_scoring.made_rows import read, row, write
from tests.unit.serving.made import FRAUD

NAMES = added_columns([], logged=True)
IDS = np.array([b"a" * 36, b"b" * 36])


def values(*positions: int) -> AddedValues:
    n = len(positions)
    return AddedValues(
        positions=np.array(positions),
        scores=np.linspace(0.1, 0.9, n),
        flagged=np.array([0, 1], np.int8)[:n],
        version=3,
        prediction_ids=IDS[:n],
    )


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize(("form", "out"), [("csv", "b.csv"), ("parquet", "b.parquet")])
def test_rows_that_are_not_scored_are_left_out(
    tmp_path: Path, name: str, form: str, out: str
) -> None:
    rows = open_rows(write(tmp_path / name, [row(n) for n in range(3)]), FRAUD, CsvFormat())
    (part,) = rows.parts()
    with writing(tmp_path / out, rows, NAMES, form) as writer:
        writer.write(part, 3, values(0, 2))
        assert not (tmp_path / out).exists()
    table = read(tmp_path / out)
    assert table["transaction_id"].to_pylist() == ["t0", "t2"]
    assert table["score"].to_pylist() == [0.1, 0.9]
    assert table["flagged"].to_pylist() == [0, 1]
    assert table["prediction_id"].to_pylist() == ["a" * 36, "b" * 36]


@pytest.mark.parametrize(("form", "out"), [("csv", "b.csv.gz"), ("parquet", "b.parquet")])
def test_after_an_error_the_former_file_stays(tmp_path: Path, form: str, out: str) -> None:
    rows = open_rows(write(tmp_path / "a.csv", [row(0)]), FRAUD, CsvFormat())
    (part,) = rows.parts()
    (tmp_path / out).write_bytes(b"former")

    def fail() -> None:
        with writing(tmp_path / out, rows, NAMES, form) as writer:
            writer.write(part, 1, values(0))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / out).read_bytes() == b"former"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a.csv", out])


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    rows = open_rows(write(tmp_path / "a.csv", [row(0)]), FRAUD, CsvFormat())
    (part,) = rows.parts()
    (tmp_path / ".b.csv.writing").write_bytes(b"x" * 10_000)
    with writing(tmp_path / "b.csv", rows, NAMES, "csv") as writer:
        writer.write(part, 1, values(0))
    assert len((tmp_path / "b.csv").read_text().splitlines()) == 2


def test_the_mode_of_the_file_can_be_given(tmp_path: Path) -> None:
    rows = open_rows(write(tmp_path / "a.csv", [row(0)]), FRAUD, CsvFormat())
    with writing(tmp_path / "b.csv", rows, NAMES, "csv", mode=0o600):
        pass
    assert (tmp_path / "b.csv").stat().st_mode & 0o777 == 0o600


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_files, "GROUP_ROWS", 2)
    rows = open_rows(write(tmp_path / "a.csv", [row(0), row(1)]), FRAUD, CsvFormat())
    (part,) = rows.parts()
    with writing(tmp_path / "b.parquet", rows, NAMES, "parquet") as writer:
        for _ in range(3):
            writer.write(part, 2, values(0, 1))
    assert len(read(tmp_path / "b.parquet")) == 6
