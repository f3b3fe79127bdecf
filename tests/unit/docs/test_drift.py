"""The page on drift names every metric that a check can write, every cause, and every setting."""

import re
from datetime import UTC, datetime

import numpy as np

from pipelines.rules.explanation.attribution import Attribution
from pipelines.rules.monitoring import alert_rules
from pipelines.rules.monitoring.binning import count, profile
from pipelines.rules.monitoring.data_quality import (
    COMPARED,
    IDS,
    OF_LABELS,
    REFUSED,
    REPEATED,
    QualityCounts,
    UnmatchedLabels,
)
from pipelines.rules.monitoring.drift_check import References, Span, TrafficCounts, check_drift
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.policy_sections.explanation import ExplanationPolicy
from pipelines.rules.use_case.policy_sections.monitoring import Alerts, Drift, Performance, Report
from pipelines.rules.use_case.spellings import CLIPPED, UNKNOWN
from pipelines.settings import ROOT
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.use_case import read_policy

PAGE = (ROOT / "docs/reference/drift.md").read_text()
EXPLANATIONS = (ROOT / "docs/reference/explanations.md").read_text()
POLICY = read_policy(ROOT / "reference" / "fraud")


def names_in(start: str, end: str) -> set[str]:
    """The metrics in the first column of the tables between two headings."""
    section = PAGE.split(f"{start}\n")[1].split(f"{end}\n")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} - {"metric"}


TREATED = [
    ("x", REFUSED),
    ("x", CLIPPED),
    ("x", UNKNOWN["other"]),
    (f"{OF_LABELS}label", REFUSED),
]


def test_every_metric_has_its_line() -> None:
    draw = np.random.default_rng(0)
    column, scores, labels = (
        draw.normal(size=1000),
        draw.beta(1, 5, 1000),
        draw.integers(0, 2, 1000).astype(np.int8),
    )
    laid = {"x": profile(column)}
    training = Reference.of(
        "b", laid, column.reshape(-1, 1), contributions=np.ones((1, 1)), scores=scores
    )
    counts = ScoreCounts.of(scores, scores > 0.2, labels)
    span = Span.at(datetime(2026, 1, 1, 12, tzinfo=UTC), POLICY.drift.window, POLICY.drift.step)
    moved = {1: (["x"], Attribution.of(np.ones((300, 1)), np.ones(300)))}
    everyone = np.array(count(column, laid["x"].edges))
    traffic = TrafficCounts(
        buckets={span.start: {"x": everyone}},
        others={span.start: {"x": everyone // 2}},
        scores={1: counts},
        matured={1: counts},
        ahead=1,
        attributions=moved,
        quality=QualityCounts(
            treated=dict.fromkeys((*TREATED, (IDS, COMPARED), (IDS, REPEATED)), 5),
            future_times=1,
            labels=UnmatchedLabels(labels=2, unmatched=1),
        ),
    )
    references = References(baseline=laid, champion=1, training=training, columns=("x", "newer"))
    written = {
        m.metric
        for m in check_drift("c", span, traffic, references, POLICY, installed_statistics())
    }
    assert "score_psi" in written
    of_scores = {f"score_{each.name}" for each in installed_statistics() if each.takes_scores}
    assert written - of_scores == names_in("## What is measured", "## What is alerted")


def test_the_table_of_statistics_has_every_statistic_that_is_installed() -> None:
    names = {statistic.name for statistic in installed_statistics()}
    assert names_in("### Drift statistics", "### Other metrics") == names
    for statistic in installed_statistics():
        if statistic.takes_scores:
            assert f"`score_{statistic.name}`" in PAGE


def test_every_cause_and_every_setting_is_named() -> None:
    for cause in (
        alert_rules.FEATURES,
        alert_rules.SCORES,
        alert_rules.QUALITY,
        alert_rules.PERFORMANCE,
        alert_rules.ATTRIBUTION,
        "guard",
    ):
        assert f"| `{cause}` |" in PAGE
    for section, struct in (
        ("drift", Drift),
        ("performance", Performance),
        ("alerts", Alerts),
        ("report", Report),
    ):
        for name in struct.__struct_fields__:
            if (section, name) not in {("performance", "recall"), ("performance", "roc_auc")}:
                assert f"`{section}.{name}" in PAGE, f"{section}.{name}"
    for name in ExplanationPolicy.__struct_fields__:
        assert f"`{name}" in EXPLANATIONS, f"explanation.{name}"
