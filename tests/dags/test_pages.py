"""A page is a folder in plugins/: Airflow finds it, and lets in people who are signed in only."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipelines.settings import ROOT

HERE = Path(__file__).parent
PAGES = ("drift", "explanations", "toy")


@pytest.fixture(scope="module")
def answers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Airflow answers when the toy page's folder was copied into the plugins folder."""
    home = tmp_path_factory.mktemp("airflow")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO promotions (promotion_id, use_case, to_version, to_digest, action, state,"
            " actor, reason) VALUES (gen_random_uuid(), 'fraud', 1, 'x', 'PROMOTE', 'DONE', 'a', 'r')"
        )
    plugins = home / "plugins"
    shutil.copytree(ROOT / "plugins", plugins, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE / "toy_page", plugins / "toy_page")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "SIXGATE_DATABASE_URL": database_url,
        "SIXGATE_HOME": str(home / "sixgate"),
        "SIXGATE_USE_CASES": "credit_risk,fraud",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "ask_pages.py")],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_page_that_is_copied_into_the_folder_is_served_and_in_the_navigation(
    answers: Any,
) -> None:
    assert answers["errors"] == {}
    assert set(answers["navigation"]) == {f"sixgate/{page}/" for page in PAGES}
    status, text = answers["answers"]["an admin sees a use case"]
    assert status == 200
    assert "<h1>fraud of credit_risk, fraud</h1>" in text


def test_a_page_opens_with_a_use_case_that_has_a_model(answers: Any) -> None:
    assert answers["answers"]["an admin opens the page"] == [307, "fraud/"]


def test_every_route_of_every_page_requires_a_session(answers: Any) -> None:
    routes = answers["without_session"]
    assert {route.split("/")[2] for route in routes} == set(PAGES)
    assert len(routes) >= 12
    assert set(routes.values()) == {401}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("an admin opens the page", 307),
        ("an admin plays", 303),
        ("an admin plays by another site's form", 403),
        ("an admin sees an unknown use case", 404),
        ("a viewer sees a use case", 200),
        ("a viewer plays", 403),
        ("a viewer sees drift", 200),
        ("a viewer acknowledges", 403),
        ("an admin acknowledges no alert", 409),
        ("a viewer opens no report", 404),
        ("a viewer sees explanations", 200),
        ("a viewer finds a prediction", 303),
        ("a viewer opens no prediction", 404),
        ("a viewer asks for an explanation", 403),
        ("a viewer opens no plot", 404),
    ],
)
def test_rights_on_the_dag_are_rights_on_the_page(answers: Any, request_: str, status: int) -> None:
    assert answers["answers"][request_][0] == status


def test_only_people_who_may_act_are_offered_the_form(answers: Any) -> None:
    assert "<form" in answers["answers"]["an admin sees a use case"][1]
    assert "<form" not in answers["answers"]["a viewer sees a use case"][1]


def test_the_linter_checks_the_imports_of_every_plugin() -> None:
    """This is the only file that a new page's folder has to be added to."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {folder.parent.name for folder in (ROOT / "plugins").glob("*/__init__.py")}
    assert packages <= set(project["tool"]["importlinter"]["root_packages"])
