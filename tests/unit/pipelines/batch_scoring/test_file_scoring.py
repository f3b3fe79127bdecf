"""Files in, the same files with scores out."""

import fcntl
import gzip
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.batch_scoring.files import csv_files, table_files
from pipelines.batch_scoring.result import LoggedJob, NoRowScored
from pipelines.errors import DataError
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.pipelines.batch_scoring.made_rows import model, row, scored, write

ADDED = ["score", "flagged", "model_version"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a few rows at a time, so that a short file has many parts."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(table_files, "BATCH_ROWS", 16)


def expected(rows: list[dict[str, object]]) -> list[float]:
    amounts = np.array([[row["amount"]] for row in rows], np.float32)
    features = np.zeros((len(rows), len(model().contract.columns)))
    features[:, :1] = amounts
    return [float(score) for score in model().scorer.scores(features)]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.feather"])
@pytest.mark.parametrize("out", [None, "b.csv", "b.parquet"])
def test_all_columns_come_back_in_order_with_the_scores(
    tmp_path: Path, name: str, out: str | None
) -> None:
    rows = [row(number) for number in range(100)]
    result, table = scored(write(tmp_path / name, rows), out)
    assert (result.rows, result.refused, result.model_version) == (100, 0, 7)
    assert table.column_names == [*rows[0], *ADDED]
    assert table["note"].to_pylist() == [row["note"] for row in rows]
    assert table["score"].to_pylist() == expected(rows)
    assert table["flagged"].to_pylist() == [int(score >= 0.5) for score in expected(rows)]
    assert set(table["model_version"].to_pylist()) == {7}
    assert not list(tmp_path.glob(".*writing"))


def test_rows_of_a_csv_file_keep_their_text(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    names = list(row(0))
    values = [str(value) for value in row(0, note="x", amount="007.50").values()]
    file.write_bytes("\r\n".join([";".join(names), ";".join(values), ""]).encode("utf-8-sig"))
    result, _ = scored(file)
    header, line, end = result.out.read_bytes().decode().split("\r\n") if result.out else []
    assert header == ";".join([*names, *ADDED])
    assert line.startswith(";".join(values) + ";0.50")
    assert end == ""


def test_values_with_line_ends_and_quotes_stay_as_they_are(tmp_path: Path) -> None:
    rows = [row(number, note=f'a "b"\nc,{number}') for number in range(50)]
    _, table = scored(write(tmp_path / "a.csv", rows))
    assert table["note"].to_pylist() == [row["note"] for row in rows]
    assert table["score"].to_pylist() == expected(rows)


def test_refused_rows_are_in_quarantine_and_not_in_the_scored_file(tmp_path: Path) -> None:
    rows = [row(number, amount=-5 if number in (3, 40) else 1) for number in range(60)]
    result, table = scored(write(tmp_path / "a.csv", rows))
    assert (result.rows, result.refused) == (58, 2)
    assert len(table) == 58
    assert result.refusals[0].samples[0].number == 5  # the header is line 1
    assert result.quarantine
    assert result.quarantine.name.startswith("score-")
    quarantined = pq.read_table(result.quarantine)
    assert quarantined["transaction_id"].to_pylist() == ["t3", "t40"]
    assert set(quarantined["reason"].to_pylist()) == {"amount: outside [0, 100000]"}


def test_lines_that_are_no_rows_are_in_quarantine(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(number) for number in range(60)])
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:10], "a,b", "", *lines[10:]]) + "\n")
    result, table = scored(file)
    assert (result.rows, result.refused, len(table)) == (60, 1, 60)
    assert table["transaction_id"].to_pylist() == [f"t{number}" for number in range(60)]


def test_repeated_ids_are_scored(tmp_path: Path) -> None:
    rows = [row(number, transaction_id="t") for number in range(40)]
    assert scored(write(tmp_path / "a.parquet", rows))[0].rows == 40


def test_without_id_entity_and_time_rows_are_scored(tmp_path: Path) -> None:
    names = [feature.name for feature in model().contract.features]
    rows = [{name: row(number)[name] for name in names} for number in range(40)]
    result, table = scored(write(tmp_path / "a.csv", rows))
    assert result.rows == 40
    assert table["score"].to_pylist() == expected(rows)


def test_a_missing_feature_column_is_named(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row(0).items() if name != "amount"}]
    with pytest.raises(DataError, match=r"a.csv: no column for amount"):
        scored(write(tmp_path / "a.csv", rows))
    with pytest.raises(DataError, match=r"a.parquet: no column for amount"):
        scored(write(tmp_path / "a.parquet", rows))


def test_compressed_in_compressed_out(tmp_path: Path) -> None:
    rows = [row(number) for number in range(50)]
    plain = write(tmp_path / "a.csv", rows)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    result, table = scored(packed)
    assert result.out == tmp_path / "b.scored.csv.gz"
    assert table["score"].to_pylist() == expected(rows)
    again = result.out.read_bytes()
    assert scored(packed)[0].out
    assert result.out.read_bytes() == again


def test_settings_of_csv_files_are_followed(tmp_path: Path) -> None:
    rows = [
        row(number, amount=f"1.000,{number:02}", event_time=time)
        for number, time in enumerate(["31/01/2026 10:00", "", "2026-01-31"])
    ]
    settings = CsvFormat(decimal=",", thousands=".", date_format="%d/%m/%Y %H:%M")
    for changed in rows:
        for feature in model().contract.features:
            if changed[feature.name] == 0.5:
                changed[feature.name] = "0,5"
    result, table = scored(write(tmp_path / "a.csv", rows), csv=settings)
    assert (result.rows, result.refused) == (2, 1)
    assert table["score"].to_pylist() == expected([{"amount": 1000.0}, {"amount": 1000.01}])
    assert result.refusals[0].column == "event_time"


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_without_rows_is_refused_and_leaves_no_scored_file(
    tmp_path: Path, name: str
) -> None:
    file = write(tmp_path / name, [row(0)])
    if name == "a.csv":
        file.write_text(file.read_text().splitlines()[0] + "\n")
    else:
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(DataError, match="it has no rows: nothing was scored"):
        scored(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("")
    with pytest.raises(DataError, match="is empty"):
        scored(file)


def test_when_every_row_is_refused_the_quarantine_stays(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(number, amount=-1) for number in range(3)])
    with pytest.raises(NoRowScored, match="all 3 rows were refused") as raised:
        scored(file)
    quarantine = raised.value.scored.quarantine
    assert quarantine
    assert quarantine.exists()
    assert not (tmp_path / "a.scored.csv").exists()


def test_rows_without_a_finite_score_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = model().scorer
    monkeypatch.setattr(
        type(scorer), "scores", lambda _, features: np.where(features[:, 0] > 900, np.nan, 0.25)
    )
    rows = [row(number) for number in range(100)]
    result, table = scored(write(tmp_path / "a.csv", rows))
    many = sum(10.25 * (number % 97) > 900 for number in range(100))
    assert many > 0
    assert (result.rows, result.refused) == (100 - many, many)
    assert len(table) == 100 - many
    assert result.refusals[0].text == "score: the model has no score for these features"


def test_with_a_job_every_prediction_is_logged_under_the_id_in_the_file(tmp_path: Path) -> None:
    job = LoggedJob(UUID(int=5), datetime(2026, 1, 1, tzinfo=UTC))
    rows = [row(number, amount=-1 if number == 3 else 1) for number in range(50)]
    lines: list[bytes] = []

    def log(chunk: object) -> int:
        documents = list(chunk)  # type: ignore[call-overload]
        lines.extend(documents)
        return sum(len(msgspec.json.decode(line)["rows"]) for line in documents)

    result, table = scored(write(tmp_path / "a.csv", rows), job=job, log=log)
    logged = [entry for line in lines for entry in msgspec.json.decode(line)["rows"]]
    assert (result.logged, result.job) == (49, job.id)
    ids = table["prediction_id"].to_pylist()
    assert [entry["prediction_id"] for entry in logged] == ids
    assert [entry["score"] for entry in logged] == table["score"].to_pylist()
    assert int(ids[3].replace("-", ""), 16) - int(ids[2].replace("-", ""), 16) == 2  # one refused


def test_another_process_that_writes_the_same_file_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(0)])
    descriptor = os.open(tmp_path / ".a.scored.csv.writing", os.O_WRONLY | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(DataError, match="is being written by another process"):
        scored(file)
    os.close(descriptor)
    assert (tmp_path / ".a.scored.csv.writing").exists()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(0)])
    with pytest.raises(DataError, match=r"b.csv can't be written: No such file or directory"):
        scored(file, "no/b.csv")


def test_columns_that_a_csv_file_can_t_hold_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [row(0, note=[1, 2])])
    with pytest.raises(DataError, match="give --format parquet"):
        scored(file, "b.csv")
    assert scored(file)[1]["note"].to_pylist() == [[1, 2]]


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    seen: list[int] = []
    scored(write(tmp_path / "a.parquet", [row(n) for n in range(40)]), progress=seen.append)
    assert seen == [16, 32, 40]
