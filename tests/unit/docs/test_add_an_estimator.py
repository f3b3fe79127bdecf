"""The estimator of docs/how-to/add-an-estimator.md works as the page says, installed from its own package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from tests.unit.packages import install

PAGE = (ROOT / "docs" / "how-to" / "add-an-estimator.md").read_text()
TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import msgspec
import numpy as np
from pipelines.rules.explanation.shap_explainer import add_up
from pipelines.rules.model.model_input import narrow
from pipelines.rules.training.candidates import fit_all
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.fitting import Trainer
from pipelines.rules.training.packaging import pack
from pipelines.settings import ROOT
from pipelines.stores.estimators import find_estimator, read_explainer
from pipelines.use_case import read_contract, read_policy

contract = read_contract(ROOT / "reference" / "fraud")
training = msgspec.structs.replace(read_policy(ROOT / "reference" / "fraud").training, folds=2)
random = np.random.default_rng(1)
features = random.gamma(2, 20, (3000, len(contract.columns)))
labels = (features[:, 0] + random.normal(0, 10, 3000) > 80).astype(np.int8)
features[random.random(features.shape) < 0.05] = np.nan
rows = Rows(narrow(features), labels, contract.categories)
(candidate,) = fit_all(rows, 2000, [find_estimator("naive_bayes")], Trainer(training, threads=1))
files = pack(candidate, contract, features)
explainer = read_explainer(
    "naive_bayes", files["explain.bin"], candidate.calibration, candidate.fitted.preparation
)
values, base = explainer(features[:500])
assert add_up(values, base, candidate.score(narrow(features[:500]))).all()
assert candidate.metrics["roc_auc"] > 0.9, candidate.metrics
"""


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return text


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        "pyproject.toml": block("toml"),
        "team_estimators/__init__.py": "",
        "team_estimators/naive_bayes.py": block("python"),
    }
    return install(files, tmp_path_factory.mktemp("team-estimators"))


def test_the_estimator_of_the_page_trains_exports_and_explains(installed: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAIN, str(installed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
