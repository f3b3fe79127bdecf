"""The statistic of docs/how-to/add-a-drift-statistic.md works as the page says, from its own package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from tests.unit.packages import install

PAGE = (ROOT / "docs" / "how-to" / "add-a-drift-statistic.md").read_text()
CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
from drift_page.view import view
from pipelines.reporting.drift_tables import drift_text
from pipelines.stores.drift_statistics import installed_statistics
from serving.metrics.drift_metrics import DriftMetrics
from tests.unit.pipelines.rules.monitoring.checks import CHAMPION, small_check

statistics = installed_statistics()
metrics = small_check(statistics)
values = {m.feature: m for m in metrics if m.metric == "total_variation" and not m.model_version}
assert set(values) == {"moved", "same"}, values
assert values["moved"].value > 0.3
assert 0.3 < values["same"].value / values["same"].expected < 3
assert [m for m in metrics if m.metric == "score_total_variation"]

assert "total variation" in drift_text(metrics, CHAMPION, statistics).splitlines()[1]

page = view(
    alerts=[], metrics=metrics, version=0, statistics=statistics, history=[], days=[]
)
assert page["titles"][-1] == "total variation"
assert page["features"][0]["cells"][-1] == f"{values['moved'].value:.1%}"

exported = DriftMetrics()
exported._metrics = {"fraud": metrics}
samples = {
    (family.name, sample.labels["metric"])
    for family in exported.collect()
    for sample in family.samples
}
assert samples >= {
    ("sixgate_drift", "total_variation"),
    ("sixgate_drift_expected", "total_variation"),
    ("sixgate_drift", "score_total_variation"),
}
"""
EXPECTED = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from team_statistics.total_variation import TotalVariation
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import column

draw = np.random.default_rng(0)
shares = [0.05] * 20
values = [
    TotalVariation().measure(
        column(draw.multinomial(20_000, shares).tolist(), draw.multinomial(500, shares).tolist())
    )
    for _ in range(500)
]
mean = np.mean([value.value for value in values])
expected = np.mean([value.expected for value in values])
assert abs(mean / expected - 1) < 0.02, (mean, expected)
"""


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return text


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        "pyproject.toml": block("toml"),
        "team_statistics/__init__.py": "",
        "team_statistics/total_variation.py": block("python"),
    }
    return install(files, tmp_path_factory.mktemp("team-statistics"))


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(CHECK, id="metrics, table, page and Prometheus have it"),
        pytest.param(EXPECTED, id="its expected value is its mean without drift"),
    ],
)
def test_the_statistic_of_the_page(installed: Path, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(installed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
