"""All that is wrong with a use case's files is found at once, and nothing is written."""

import shutil
from pathlib import Path

import pytest

from pipelines.errors import UseCaseError
from pipelines.settings import ROOT
from pipelines.stores.use_case_check import faults_of


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "reference" / "fraud", tmp_path / "fraud")
    return tmp_path


def change(reference: Path, file: str, old: str, new: str) -> None:
    path = reference / "fraud" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def messages(reference: Path, overlay: Path | None = None) -> list[str]:
    return [str(fault) for fault in faults_of(reference, "fraud", overlay)]


@pytest.mark.parametrize("folder", sorted((ROOT / "reference").iterdir()), ids=lambda it: it.name)
def test_the_shipped_use_cases_are_valid(folder: Path) -> None:
    assert faults_of(ROOT / "reference", folder.name, None) == []


def test_faults_of_all_files_are_listed_together(reference: Path) -> None:
    change(reference, "contract.yaml", "title:", "tittle:")
    change(reference, "policy.yaml", "recall: 0.40", "recal: 0.40")
    change(reference, "policy.yaml", "amount > 200", "amont > 200")
    change(reference, "policy.yaml", "ignore: [", "ignore: [nothing_here, ")
    change(reference, "contract.yaml", "event_time: event_time\n", "")
    change(reference, "contract.yaml", "  TX_DATETIME: event_time\n", "")
    with (reference / "fraud" / "policy.yaml").open("a") as policy:
        policy.write("\ntraining: {estimators: [logistic, catboost]}\n")
    listed = messages(reference)
    for words in (
        "tittle: 'Card fraud' is not a key",
        "title: None must be a name",
        "did you mean gates.recall?",
        "evaluation.slices.large amounts: 'amont'",
        "drift.ignore: 'nothing_here' is not a column",
        "estimator 'catboost' is not installed",
        "evaluation.split: 'time' needs event times",
    ):
        assert [words in message for message in listed].count(True) == 1, words
    assert len(listed) == 7


def test_a_direction_that_no_estimator_keeps_is_a_fault(reference: Path) -> None:
    change(reference, "contract.yaml", "range: [0, 1],", "range: [0, 1], monotone: increasing,")
    assert messages(reference) == []
    with (reference / "fraud" / "policy.yaml").open("a") as policy:
        policy.write("\ntraining: {estimators: [logistic]}\n")
    (message,) = messages(reference)
    assert "logistic can't keep a direction" in message
    assert "`monotone` of terminal_risk_1d" in message


def test_a_changed_baseline_is_a_fault(reference: Path) -> None:
    (reference / "fraud" / "baseline.parquet").write_bytes(b"other")
    (message,) = messages(reference)
    assert "is not the manifest's" in message


def test_a_file_that_is_no_yaml_does_not_hide_the_faults_of_the_other(reference: Path) -> None:
    (reference / "fraud" / "contract.yaml").write_text("a: [")
    change(reference, "policy.yaml", "recall: 0.40", "recal: 0.40")
    first, second = messages(reference)
    assert "contract.yaml is not YAML" in first
    assert "gates.recal" in second


def test_faults_of_an_overlay_name_it(reference: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("gates: {recall: 2}\ndrift: {window: 1}\n")
    listed = messages(reference, overlay)
    assert len(listed) == 2
    assert all("policy.yaml under overlay.yaml" in message for message in listed)
    (missing,) = messages(reference, tmp_path / "none.yaml")
    assert "is not a file" in missing


def test_nothing_is_written(reference: Path) -> None:
    change(reference, "policy.yaml", "recall: 0.40", "recal: 0.40")
    before = {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()}
    messages(reference)
    after = {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()}
    assert after == before


def test_an_unknown_use_case_is_refused(reference: Path) -> None:
    with pytest.raises(UseCaseError, match="there is no use case 'loan'"):
        faults_of(reference, "loan", None)
