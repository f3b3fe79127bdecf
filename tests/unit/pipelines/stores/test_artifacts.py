"""Artifacts are named by their content, are complete or absent, and are found again."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import EvidenceError
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts

TABLE = pa.table({"amount": [1.0, 2.5]})


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts.of(Settings(home=tmp_path), "fraud")


def test_equal_content_is_one_file_and_other_content_another(artifacts: Artifacts) -> None:
    saved = artifacts.save("snapshots", TABLE)
    assert artifacts.save("snapshots", TABLE) == saved
    other = artifacts.save("snapshots", pa.table({"amount": [1.0, 2.6]}))
    assert sorted(artifacts.ids("snapshots")) == sorted([saved, other])
    assert artifacts.load("snapshots", saved).equals(TABLE)


def test_each_use_case_has_a_folder_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, artifacts=tmp_path / "shared")
    saved = Artifacts.of(settings, "fraud").save("snapshots", TABLE)
    assert (tmp_path / "shared" / "fraud" / "snapshots" / f"{saved}.parquet").is_file()
    assert Artifacts.of(settings, "loan").ids("snapshots") == []


def test_a_file_that_was_changed_is_not_read(artifacts: Artifacts) -> None:
    saved = artifacts.save("datasets", TABLE)
    pq.write_table(pa.table({"amount": [9.0, 9.0]}), artifacts.path("datasets", saved))
    with pytest.raises(EvidenceError, match=rf"{saved}\.parquet is not what was written"):
        artifacts.load("datasets", saved)


def test_an_unknown_table_names_those_that_are_there(artifacts: Artifacts) -> None:
    with pytest.raises(EvidenceError, match=r"no snapshot 'gone' in .*: known are none"):
        artifacts.require("snapshots", "gone")
    saved = artifacts.save("snapshots", TABLE)
    with pytest.raises(EvidenceError, match=f"known are {saved}"):
        artifacts.load("snapshots", "gone")


def fail_while_writing(artifacts: Artifacts) -> None:
    with artifacts.writing("snapshots", TABLE.schema) as file:
        file.writer.write_table(TABLE)
        raise OSError("the disk is full")


def test_a_table_whose_writing_fails_leaves_no_file(artifacts: Artifacts) -> None:
    with pytest.raises(OSError, match="the disk is full"):
        fail_while_writing(artifacts)
    assert list((artifacts.root / "snapshots").iterdir()) == []


def test_a_table_in_parts_carries_its_notes(artifacts: Artifacts) -> None:
    with artifacts.writing("snapshots", TABLE.schema) as file:
        file.writer.write_table(TABLE)
        file.writer.write_table(TABLE)
        file.writer.add_key_value_metadata({"quarantined": "3"})
    assert len(artifacts.load("snapshots", file.id)) == 4
    assert artifacts.notes("snapshots", file.id)["quarantined"] == "3"


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        pytest.param(b"\x89PNG", b"\x89PNG", id="bytes as they are"),
        pytest.param("näher", "näher".encode(), id="text as UTF-8"),
        pytest.param({"rows": 3}, b'{\n  "rows": 3\n}', id="a dict as JSON"),
    ],
)
def test_a_report_is_stored(
    artifacts: Artifacts, content: dict[str, int] | str | bytes, stored: bytes
) -> None:
    artifacts.report("first.txt", content)
    assert artifacts.read_report("first.txt") == stored


def test_reports_are_listed_in_order_and_forgotten(artifacts: Artifacts) -> None:
    for name in ("drift-2", "drift-1", "card"):
        artifacts.report(name, {"name": name})
    assert artifacts.reports("drift-*") == ["drift-1", "drift-2"]
    assert artifacts.read_json("card") == {"name": "card"}
    artifacts.forget_report("drift-1")
    artifacts.forget_report("drift-1")
    assert artifacts.reports("drift-*") == ["drift-2"]
    with pytest.raises(EvidenceError, match="there is no report 'drift-1'"):
        artifacts.read_report("drift-1")


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd"])
def test_a_name_from_outside_leads_to_no_other_folder(artifacts: Artifacts, name: str) -> None:
    artifacts.report("card", "x")
    (artifacts.root / "secret").write_text("hidden")
    with pytest.raises(EvidenceError, match="there is no report"):
        artifacts.read_report(name)
    artifacts.forget_report(name)
    assert (artifacts.root / "secret").read_text() == "hidden"
    assert artifacts.path("snapshots", name).parent == artifacts.root / "snapshots"
