"""What labelled data are."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import DataError, SixgateError
from pipelines.ingestion.data_profile import Answers, DataProfile, Open, examine
from pipelines.ingestion.sources.formats import open_file
from pipelines.rules.use_case.csv_format import CsvFormat

HEADER = "id,amount,kind,created,bad"


def rows(n: int = 300) -> list[str]:
    lines = []
    for row in range(n):
        kind = "abc"[row % 3]
        lines.append(f"t{row},{row % 41}.5,{kind},2024-01-{row % 28 + 1:02},{int(row % 5 == 0)}")
    return lines


def opener(file: Path) -> Open:
    return lambda contract: open_file(file, contract, CsvFormat())


def profile_of(file: Path, **answers: str) -> DataProfile:
    return examine(opener(file), Answers(label=answers.pop("label", "bad"), **answers))


def written(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def whole(header: str = HEADER) -> str:
    return "\n".join([header, *rows()]) + "\n"


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("data.csv", lambda text: text.encode()),
        ("data.csv", lambda text: text.encode("utf-8-sig")),
        ("data.csv", lambda text: text.encode("utf-16")),
        ("data.csv", lambda text: text.replace(",", ";").encode()),
        ("data.tsv", lambda text: text.replace(",", "\t").encode()),
        ("data.csv", lambda text: text.replace("\n", "\r\n").encode()),
        ("data.csv.gz", lambda text: gzip.compress(text.encode())),
    ],
)
def test_a_file_is_read_however_it_is_written(
    tmp_path: Path, name: str, encode: Callable[[str], bytes]
) -> None:
    found = profile_of(written(tmp_path, encode(whole()), name))
    assert found.sample.rows == 300
    assert found.roles.features == ["amount", "kind"]
    assert (found.roles.transaction_id, found.roles.times) == ("id", ["created"])
    assert found.questions(Answers(label="bad")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (HEADER + "\n", "has no rows"),
        ("id|bad\n", "--label amount: there is no such column; the columns are id, bad"),
        ("a\n1\n2\n", "the only column is 'a'"),
        (whole(HEADER.replace("bad", "Bad")), "did you mean 'Bad'"),
        (whole(HEADER.replace("kind", "bad")), "--label bad: 2 columns have this name"),
        ("a,bad\n1,0\n2,0\n", "bad has one value, '0'"),
        ("a,bad\n" + "".join(f"1,{n}\n" for n in range(50)), "50 values"),
        (",".join(f"c{n}" for n in range(2100)) + ",bad\n", "2,101 columns"),
    ],
)
def test_bad_files_get_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text)
    label = "amount" if "amount" in message else "bad"
    with pytest.raises(SixgateError) as caught:
        profile_of(file, label=label)
    assert message in str(caught.value)
    assert str(file) in str(caught.value) or "values" in message or "one value" in message
    assert "\n" not in str(caught.value)


def test_latin_1_is_named_as_what_it_may_be(tmp_path: Path) -> None:
    text = whole().replace("a,", "é,").encode("latin-1")
    with pytest.raises(DataError, match="is not UTF-8"):
        profile_of(written(tmp_path, text))


def test_columns_without_a_name_of_their_own_are_left_out(tmp_path: Path) -> None:
    header = "x,x,,amount,bad\n"
    text = header + "".join(f"1,2,3,{n % 31},{int(n % 4 == 0)}\n" for n in range(200))
    found = profile_of(written(tmp_path, text))
    assert found.left_out == {"x": "2 columns have this name", "": "1 column has no name"}
    assert found.roles.features == ["amount"]


def test_what_the_data_do_not_tell_is_asked(tmp_path: Path) -> None:
    text = "amount,opened,closed,status\n" + "".join(
        f"{n % 31},2024-01-{n % 28 + 1:02},2024-02-{n % 28 + 1:02},{'left' if n % 4 else 'gone'}\n"
        for n in range(200)
    )
    file = written(tmp_path, text)
    found = profile_of(file, label="status")
    positive, time = found.questions(Answers(label="status"))
    assert (positive.flag, positive.choices, positive.guess) == (
        "--positive",
        ("left", "gone"),
        "gone",
    )
    assert (time.flag, time.choices) == ("--time", ("opened", "closed"))
    answers = Answers(label="status", positive=("left",), time="closed")
    told = found.with_answers(answers)
    assert told.questions(answers) == []
    assert (told.label.label.positive, told.roles.times) == ("left", ["closed"])


def test_a_line_that_repeats_the_header_is_no_row(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *rows(150), HEADER, *rows(150)]) + "\n"
    found = profile_of(written(tmp_path, text))
    assert found.headers == 1
    assert found.profiles["amount"].codes == ()
    assert [value for value, _ in found.profiles["bad"].values] == ["0", "1"]
