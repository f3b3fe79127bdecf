"""The folder of a new use case."""

from pathlib import Path

import pytest

from pipelines.errors import ParameterError
from pipelines.ingestion.data_profile import Answers, examine
from pipelines.ingestion.new_use_case import create, require_new_name
from pipelines.ingestion.result import TooManyRefused
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.use_case_proposal import Proposal, propose
from pipelines.reporting.new_use_case_text import as_json, proposal_lines, result_lines
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.use_case_check import faults_of
from pipelines.use_case import names, read_use_case

ANSWERS = Answers(label="bad")


def written(folder: Path, n: int = 900) -> Path:
    file = folder / "data.csv"
    lines = [f"{row % 37},{row % 41}.5,{int(row % 37 > 30)}" for row in range(n)]
    file.write_text("\n".join(["Age in days,Balance,bad", *lines]) + "\n")
    return file


def proposal_of(file: Path) -> Proposal:
    found = examine(lambda contract: open_file(file, contract, CsvFormat()), ANSWERS)
    found.roles.features = ["Balance", "Age in days"]
    return propose("loans", found, ANSWERS, threads=1)


def noisy(folder: Path) -> Path:
    """Write a file whose label does not follow from one column."""
    file = folder / "data.csv"
    lines = [f"{row % 37},{row % 41}.5,{int((row * 7) % 10 > 7)}" for row in range(900)]
    file.write_text("\n".join(["Age in days,Balance,bad", *lines]) + "\n")
    return file


def test_the_folder_is_a_valid_use_case(tmp_path: Path) -> None:
    file = noisy(tmp_path)
    reference = tmp_path / "reference"
    reference.mkdir()
    proposal = proposal_of(file)
    artifacts = Artifacts(tmp_path / "artifacts" / "loans")
    made = create(
        proposal, lambda contract: open_file(file, contract, CsvFormat()), reference, artifacts
    )
    assert names(reference) == ["loans"]
    assert sorted(path.name for path in reference.iterdir()) == ["loans"], "no draft is left"
    assert faults_of(reference, "loans", None) == []
    use_case = read_use_case(reference, "loans")
    assert use_case.contract == proposal.contract
    assert use_case.policy.evaluation.split == "id"
    assert made.ingested.rows == 900
    text = (made.folder / "contract.yaml").read_text()
    assert "age_in_days: {type: int, range: [0, 54]}  # seen 0 to 36" in text
    lines = "\n".join([*proposal_lines(proposal), *result_lines(made)])
    assert "900 rows, 20.0% positive; 2 features" in lines
    assert made.ingested.snapshot in lines
    assert as_json(proposal, made)["snapshot"] == made.ingested.snapshot
    with pytest.raises(ParameterError, match="exists: choose another name"):
        require_new_name(reference, "loans")


def test_data_that_do_not_keep_the_contract_leave_no_folder(tmp_path: Path) -> None:
    file = noisy(tmp_path)
    reference = tmp_path / "reference"
    reference.mkdir()
    proposal = proposal_of(file)
    file.write_text(file.read_text().replace(".5,", "x,"))
    artifacts = Artifacts(tmp_path / "artifacts" / "loans")
    with pytest.raises(TooManyRefused):
        create(
            proposal, lambda contract: open_file(file, contract, CsvFormat()), reference, artifacts
        )
    assert list(reference.iterdir()) == []


@pytest.mark.parametrize("name", ["Loans", "a-b", "1st", "", "ü", "x" * 41, "../x"])
def test_a_name_must_be_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParameterError):
        require_new_name(tmp_path, name)
