"""DAG files are wiring: they parse without error, light and fast, and say what they are."""

import shutil
import subprocess
import sys
from pathlib import Path

from pipelines.settings import ROOT
from tests.dags.parsing import check_file, dag_ids, parse, parsed

FILES = sorted((ROOT / "dags").glob("*.py"))


def test_the_file_that_shows_faults_has_no_dag_and_is_light(tmp_path: Path) -> None:
    found = parsed("use_cases", tmp_path)
    check_file(found)
    assert found["dags"] == {}


def test_a_broken_use_case_shows_its_fault_and_leaves_the_others_their_dags(tmp_path: Path) -> None:
    for folder in ("dags", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/fraud")
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/loans")
    policy = tmp_path / "reference/loans/policy.yaml"
    policy.write_text(policy.read_text() + 'explanation: {schedule: "75 * * * *"}\n')
    variables = {"PYTHONPATH": f"{tmp_path / 'plugins'}:{ROOT}"}
    retraining = parse(tmp_path / "dags/retraining.py", cwd=tmp_path, **variables)
    assert dag_ids(retraining) == [["fraud_retraining"]]
    use_cases = parse(tmp_path / "dags/use_cases.py", cwd=tmp_path, **variables)
    said = use_cases.stderr.splitlines()[-1]
    assert "loans/policy.yaml: explanation.schedule: '75 * * * *' is not a cron expression" in said


def test_the_last_valid_policy_keeps_its_dags_and_a_use_case_without_one_keeps_its_rollback(
    tmp_path: Path,
) -> None:
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "home/policies/fraud")
    for name in ("fraud", "loans"):
        (tmp_path / "reference" / name / "policy.yaml").write_text("gates: {recal: 1}\n")
    variables = {
        "PYTHONPATH": str(ROOT),
        "SIXGATE_ROOT": str(tmp_path),
        "SIXGATE_HOME": str(tmp_path / "home"),
    }
    kinds = ("retraining", "promotion", "drift_detection", "batch_explanation", "batch_scoring")
    files = [ROOT / f"dags/{name}.py" for name in (*kinds, "rollback", "housekeeping")]
    assert dag_ids(parse(*files, cwd=tmp_path, **variables)) == [
        *([f"fraud_{kind}"] for kind in kinds),
        ["fraud_rollback", "loans_rollback"],
        ["housekeeping"],
    ]
    only = {**variables, "SIXGATE_USE_CASES": "loans"}
    assert dag_ids(parse(ROOT / "dags/rollback.py", cwd=tmp_path, **only)) == [["loans_rollback"]]
    use_cases = parse(ROOT / "dags/use_cases.py", cwd=tmp_path, **variables)
    said = use_cases.stderr.splitlines()[-1]
    assert said.count("is not a setting: did you mean gates.recall?") == 2
    assert "The last valid policy.yaml of 20" in said


def test_no_dag_file_has_the_name_of_a_package() -> None:
    for file in FILES:
        code = (
            "import importlib.util, sys; sys.path = [p for p in sys.path if p]; "
            f"print(importlib.util.find_spec('{file.stem}'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
        )
        assert done.stdout.strip() == "None"
