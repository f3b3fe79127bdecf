"""The architecture: rules are pure, common imports are light, queries are described."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT

IMPURE = {
    "os",
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
            {
                "pandas",
                "sklearn",
                "xgboost",
                "mlflow",
                "shap",
                "airflow",
                "numpy",
                "psycopg",
                "pydantic_settings",
            },
            id="the command line",
        ),
        pytest.param(
            "pipelines.use_case",
            {"pandas", "numpy", "pydantic_settings", "psycopg"},
            id="what DAGs read",
        ),
        pytest.param(
            "stack.cli",
            {"pandas", "sklearn", "mlflow", "airflow", "numpy", "psycopg", "pydantic_settings"},
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

    beside = {
        "__init__",
        "champion_evidence",
        "newest_check",
        "reference_bins",
        "replaced_model",
        "model_swap",
        "increment",
    }  # what several steps share
    there = {file.stem for file in (ROOT / "pipelines" / "steps").rglob("*.py")} - beside
    assert there == set(STEPS)


QUERIES = [
    pytest.param(query, id=f"{file.stem}.{query.split()[0]}")
    for file in sorted((ROOT / "sql" / "queries").glob("*.sql"))
    for query in re.split(r"(?m)^-- name: ", file.read_text())[1:]
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_described_and_bound(query: str) -> None:
    name, description, *body = query.splitlines()
    assert re.fullmatch(r"\w+(\*?!|[\^$])?", name)
    assert description.startswith("-- "), "the line after the name says what the query is for"
    assert len(description.split()) >= 4
    assert not re.search(r"%s|%\(", "\n".join(body)), "values are bound parameters"


def test_locked_requirements_name_no_host_and_carry_hashes() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text()
        assert "://" not in text
        if file.stem != "overrides":
            assert "--hash=sha256:" in text
