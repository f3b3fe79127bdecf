"""The page on the gates says what the shipped policy holds, and names every gate and threshold."""

from pipelines.rules.gates.gates import GATES
from pipelines.rules.use_case.policy_sections.gates import Gates
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

PAGE = (ROOT / "docs/reference/gates.md").read_text()


def test_the_page_names_the_shipped_thresholds() -> None:
    gates = read_policy(ROOT / "reference" / "fraud").gates
    for words in (
        f"F1 gains {gates.f1_improvement:.0%} relative".replace("%", " %"),
        f"rises by at most {gates.brier_degradation}",
        f"there are {gates.samples} labelled rows, {gates.positives} of them positive",
        f"{gates.label_coverage:.0%} of the matured".replace("%", " %"),
        f"{gates.recall:.0%} of the positives".replace("%", " %"),
        f"ROC-AUC reaches {gates.roc_auc}",
    ):
        assert words in PAGE


def test_the_page_names_every_gate_and_every_threshold() -> None:
    for number, gate in enumerate(GATES, start=1):
        assert f"## {number}. `{gate.__name__}`" in PAGE
    for threshold in Gates.__struct_fields__:
        assert f"`{threshold}`" in PAGE
