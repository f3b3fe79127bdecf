"""The model card says what a version is, how it was trained, and how far it can be trusted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pipelines.reporting.model_card import Data, model_card
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.use_case.policy_sections.training import Threshold, Training
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")
DATA = Data(rows=12345, positives=67, window="1 to 9 January 2026", hash="d4t4")


def candidate(kind: str = "xgboost", **changes: Any) -> Any:
    fields = {
        "kind": kind,
        "params": {"depth": 4, "rate": 0.1234567},
        "metrics": {"roc_auc": 0.91234, "f1": 0.5},
        "trials": (1, 2, 3),
        "calibration": Calibration(a=1.5, b=-0.25),
        "threshold": 0.4321,
    }
    return SimpleNamespace(**(fields | changes))


def card(*candidates: Any, data: Data = DATA, **training: Any) -> str:
    return model_card(
        CONTRACT, list(candidates or [candidate()]), Training(**training), data, "c0ffee" * 7
    )


def test_the_card_names_the_data_the_contract_and_the_code() -> None:
    text = card()
    assert text.startswith(f"# {CONTRACT.title}: xgboost\n")
    assert "12,345 rows, 67 of them positive, 1 to 9 January 2026" in text
    assert f"dataset `d4t4`, contract `{CONTRACT.hash[:12]}`, commit `c0ffeec0ffee`" in text
    assert f"probability that `{CONTRACT.label.name}`" in text


def test_the_card_names_the_search_and_its_seed() -> None:
    text = card(folds=5, seed=11)
    assert "depth 4, rate 0.1235; the best of 3 trials" in text
    assert "on 5 folds forward" in text
    assert "seed 11" in text


def test_the_candidates_are_compared_and_the_chosen_one_is_marked() -> None:
    other = candidate("logistic", metrics={"roc_auc": 0.8, "f1": 0.4})
    lines = card(candidate(), other).splitlines()
    start = lines.index("| candidate | roc_auc | f1 |")
    assert lines[start + 1 : start + 4] == [
        "| --- | --- | --- |",
        "| **xgboost** | 0.9123 | 0.5000 |",
        "| logistic | 0.8000 | 0.4000 |",
    ]


def test_the_card_names_the_features_that_have_a_direction() -> None:
    assert "Directions" not in card()
    amount, *others = CONTRACT.features
    directed = msgspec.structs.replace(
        CONTRACT,
        features=(msgspec.structs.replace(amount, monotone="increasing"), *others),
    )
    text = model_card(directed, [candidate()], Training(), DATA, "c0ffee")
    assert "\n- **Directions of the score** amount increasing\n" in text


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        (Calibration(), "none: Platt scaling did not lower the Brier score"),
        (Calibration(a=1.5, b=-0.25), "Platt scaling, log-odds 1.5000 · margin -0.2500"),
    ],
)
def test_calibration(calibration: Calibration, words: str) -> None:
    assert f"**Calibration** {words}" in card(candidate(calibration=calibration))


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (Threshold(), "0.4321: the best F1"),
        (
            Threshold(metric="cost", miss=20, false_alarm=1.5),
            "0.4321: the lowest cost, where a miss costs 20 and a false alarm 1.5",
        ),
        (
            Threshold(metric="alerts", per_day=1500),
            "0.4321: the lowest with which no day of the newest training rows has more than 1,500 flagged rows",
        ),
        (
            Threshold(metric="alerts", per_share=0.005),
            "0.4321: the lowest with which at most 0.50% of the newest training rows are flagged",
        ),
    ],
)
def test_the_rule_of_the_threshold(threshold: Threshold, words: str) -> None:
    assert f"**Operating threshold** {words}" in card(threshold=threshold)


def test_warnings_of_the_data_are_items_and_without_one_there_is_no_line() -> None:
    assert "**Warning**" not in card()
    warned = Data(rows=1, positives=0, window="", hash="", warnings=("a {odd} one", "another"))
    text = card(data=warned)
    assert "- **Warning** a {odd} one\n- **Warning** another\n" in text


def test_the_limits_of_the_metrics_are_named() -> None:
    assert "These metrics are optimistic" in card()
    assert "Not for rows outside the contract's ranges" in card()
