"""The fast path of CSV gives what reading every value as text gives."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingestion.checking import checked_parts
from pipelines.ingestion.sources import csv_blocks
from pipelines.ingestion.sources.csv_part import CsvPart
from pipelines.ingestion.sources.csv_source import CsvSource
from pipelines.rules.ingestion.row_checks import check_rows
from pipelines.rules.use_case.contract import Contract, Feature, LabelColumn
from pipelines.rules.use_case.csv_format import CsvFormat
from tests.unit.pipelines.rules.ingestion.test_column_reading import FEATURES, SPELLINGS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAIN = st.sampled_from(["1", "2.5", "0", "100"])


def contract_of(feature: Feature) -> Contract:
    return Contract(
        use_case="u",
        title="u",
        entity_key="entity",
        event_time="time",
        transaction_id="id",
        label=LabelColumn(name="y"),
        features=(feature, Feature(name="z", type="float", nullable=True)),
        derived=(),
        sources={},
    )


def write(file: Path, rows: list[list[Any]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["id", "time", "y", "x", "z", "other"], *rows])
    file.write_text(out.getvalue())


@given(
    st.sampled_from(FEATURES),
    st.lists(PLAIN | SPELLINGS, min_size=1, max_size=12),
    st.sampled_from(["", "two\nlines", 'a "quote"', "ü"]),
)
def test_the_fast_path_gives_the_same_values_and_reasons(
    tmp_path_factory: pytest.TempPathFactory, feature: Feature, values: list[str], other: str
) -> None:
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    rows = [[n, "2026-01-01 10:00:00", n % 2, x, "0.5", other] for n, x in enumerate(values)]
    write(file, rows)
    contract = contract_of(feature)
    source = CsvSource(file, contract, CsvFormat())
    (fast,) = checked_parts(source, contract, now=NOW)
    (part,) = source.parts()
    exact = check_rows(part.read().values, contract, now=NOW)
    assert fast.checked.reasons.tolist() == exact.reasons.tolist()
    assert str(fast.checked.good.to_pylist()) == str(exact.good.to_pylist())
    assert fast.checked.treated == exact.treated
    assert fast.checked.positions.tolist() == exact.positions.tolist()


def test_a_row_in_quotes_may_have_several_lines_and_keeps_its_line_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 64)
    contract = contract_of(Feature(name="x", type="float"))
    rows = [[n, "2026-01-01", 1, "1", "1", "two\nlines"] for n in range(30)]
    write(tmp_path / "a.csv", rows)
    parts = list(CsvSource(tmp_path / "a.csv", contract, CsvFormat()).parts())
    assert len(parts) > 5
    ids: list[str] = []
    numbers: list[int] = []
    for part in parts:
        table = part.read().original
        ids += table["id"].to_pylist()
        numbers += part.take(pa.array(range(len(table))).to_numpy())[1]
    assert ids == [str(n) for n in range(30)]
    assert numbers == [2 + 2 * n for n in range(30)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_single_rows_are_read_again_with_their_line_numbers(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 100)
    contract = contract_of(Feature(name="x", type="float"))
    lines = ["id,time,y,x,z,other", *(f"{n},2026-01-01,1,{n}.50,1," for n in range(30))]
    (tmp_path / "a.csv").write_bytes(end.join(lines).encode())
    first = 2
    for part in CsvSource(tmp_path / "a.csv", contract, CsvFormat()).parts():
        typed = part.typed()
        assert typed is not None
        table, numbers = part.take(pa.array([len(typed) - 1]).to_numpy())
        assert numbers == [first + len(typed) - 1]
        assert table["id"].to_pylist() == [str(numbers[0] - 2)]
        assert table["x"].to_pylist() == [f"{numbers[0] - 2}.50"]
        first += len(typed)


def test_a_quote_that_is_not_closed_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 64)
    monkeypatch.setattr(csv_blocks, "LONGEST_ROW", 200)
    contract = contract_of(Feature(name="x", type="float"))
    lines = ["id,time,y,x,z,other", '1,2026-01-01,1,"1,1,', *["2,2026-01-01,1,1,1,"] * 50]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(Exception, match="line 2 is longer than"):
        list(CsvSource(tmp_path / "a.csv", contract, CsvFormat()).parts())


def test_a_column_that_is_not_all_numbers_is_read_as_text_from_then_on(tmp_path: Path) -> None:
    contract = contract_of(Feature(name="x", type="float"))
    write(tmp_path / "a.csv", [[1, "2026-01-01", 1, "much", "1", ""]])
    (part,) = CsvSource(tmp_path / "a.csv", contract, CsvFormat()).parts()
    assert isinstance(part, CsvPart)
    assert part.typed() is None
    typed = part.typed()
    assert typed is not None
    assert (typed["x"].type, typed["z"].type) == (pa.string(), pa.float64())
