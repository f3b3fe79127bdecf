"""Contract and policy from data."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.ingestion.data_profile import Answers, examine
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.use_case_proposal import Proposal, propose
from pipelines.rules.use_case.csv_format import CsvFormat

N = 1500


def table(n: int = N) -> dict[str, list[str]]:
    random = np.random.default_rng(3)
    amount = random.normal(100, 30, n)
    late = random.random(n) < 1 / (1 + np.exp(3 - (amount - 100) / 15))
    days = random.integers(0, 300, n)
    dates = np.datetime64("2024-01-01") + days
    return {
        "Loan.Amount": [f"{value:.2f}" if value > 60 else "?" for value in amount],
        "Purpose": [["car", "home", "boat"][value % 3] for value in days],
        "Signed": [str(date) for date in dates],
        "Outcome": ["late" if value else "paid" for value in late],
    }


def proposed(folder: Path, columns: dict[str, list[str]], **answers: str) -> Proposal:
    file = folder / "loans.csv"
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    file.write_text("\n".join(lines) + "\n")
    given = Answers(label="Outcome", positive=("late",), **answers)
    found = examine(lambda contract: open_file(file, contract, CsvFormat()), given)
    return propose("loans", found.with_answers(given), given, threads=1)


def test_a_table_becomes_a_contract_and_floors(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, table())
    contract = proposal.contract
    assert contract.raw == ("loan_amount", "purpose")
    assert contract.features[0].missing == ("?",)
    assert (contract.event_time, contract.label.positive) == ("signed", "late")
    assert "evaluation" not in proposal.policy.document, "rows with times are split by time"
    assert 0.6 < proposal.policy.document["gates"]["roc_auc"] < proposal.fit.roc_auc
    assert proposal.left_out == {}
    assert proposal.rows == N


def test_a_date_in_another_format_is_read(tmp_path: Path) -> None:
    columns = table()
    columns["Signed"] = ["/".join(reversed(day.split("-"))) for day in columns["Signed"]]
    proposal = proposed(tmp_path, columns)
    assert proposal.contract.csv.date_format == "%d/%m/%Y"
    assert any("%d/%m/%Y" in note for note in proposal.notes)


def test_a_constant_date_means_a_split_by_id(tmp_path: Path) -> None:
    columns = table() | {"Signed": ["2024-01-01"] * N}
    proposal = proposed(tmp_path, columns)
    assert not proposal.contract.has_times
    assert proposal.policy.document["evaluation"] == {"split": "id"}
    assert proposal.left_out["Signed"] == "every row has the same time"
    assert any("hash of their id" in note for note in proposal.notes)


def test_many_rows_of_one_day_mean_a_split_by_id(tmp_path: Path) -> None:
    columns = table()
    columns["Signed"][: N - 100] = ["2024-01-01"] * (N - 100)
    proposal = proposed(tmp_path, columns)
    assert proposal.contract.has_times
    assert proposal.policy.document["evaluation"] == {"split": "id"}


def test_a_column_that_gives_the_label_away_is_left_out(tmp_path: Path) -> None:
    columns = table()
    columns["Fee"] = [
        "30" if value == "late" else str(n % 7) for n, value in enumerate(columns["Outcome"])
    ]
    proposal = proposed(tmp_path, columns)
    assert "alone predicts the label" in proposal.left_out["Fee"]
    assert proposal.contract.raw == ("loan_amount", "purpose")


def test_without_a_feature_there_is_no_use_case(tmp_path: Path) -> None:
    columns = table()
    with pytest.raises(DataError, match="no column can be a feature"):
        proposed(tmp_path, {"Signed": columns["Signed"], "Outcome": columns["Outcome"]})
