"""The house stays as it was drawn: rules are pure, imports point downward, files name no host and no machine."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT

FORBIDDEN = {
    "os": ("environ", "getenv", "open"),
    "datetime": ("now", "today", "utcnow"),
    "time": ("time", "sleep"),
    "Path": (),
}
IMPURE = {
    "requests",
    "httpx",
    "psycopg",
    "sqlalchemy",
    "mlflow",
    "subprocess",
    "socket",
    "pathlib",
    "time",
    "random",
    "airflow",
}


@pytest.mark.parametrize(
    "file", sorted((ROOT / "pipelines" / "rules").rglob("*.py")), ids=lambda file: file.stem
)
def test_a_rule_touches_no_world_and_no_clock(file: Path) -> None:
    tree = ast.parse(file.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not imported & IMPURE
    assert not called & {"now", "utcnow", "today", "environ", "getenv"}


@pytest.mark.parametrize(
    ("package", "heavy"),
    [
        pytest.param(
            "pipelines.cli.app",
            {"pandas", "sklearn", "xgboost", "mlflow", "shap", "airflow", "numpy"},
            id="the command line",
        ),
        pytest.param(
            "pipelines.use_case",
            {"pandas", "numpy", "pydantic_settings", "psycopg"},
            id="what DAGs read",
        ),
        pytest.param(
            "stack.cli",
            {"pandas", "sklearn", "mlflow", "airflow", "numpy"},
            id="the stack's commands",
        ),
    ],
)
def test_what_is_imported_often_is_light(package: str, heavy: set[str]) -> None:
    code = f"import {package}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not heavy & set(done.stdout.split())


def test_every_step_is_known_to_the_command_line() -> None:
    from pipelines.steps import STEPS

    beside = {"__init__", "newest_check", "model_swap"}  # what several steps share
    there = {file.stem for file in (ROOT / "pipelines" / "steps").rglob("*.py")} - beside
    assert there == set(STEPS)


def test_every_query_is_described_and_bound() -> None:
    for file in (ROOT / "sql" / "queries").glob("*.sql"):
        assert "%s" not in file.read_text()
        assert "-- name: " in file.read_text()


def test_locked_requirements_name_no_host_and_carry_hashes() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text()
        assert "://" not in text
        if file.stem != "overrides":
            assert "--hash=sha256:" in text
