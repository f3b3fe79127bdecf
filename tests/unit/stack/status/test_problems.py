"""Which states are problems, and what their remedy is."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pipelines.settings import ROOT, Settings
from stack.status.problems import (
    StatusProblem,
    airflow_problem,
    dag_ids,
    dag_problems,
    database_problem,
    model_problems,
    part_problems,
)
from stack.status.use_cases import UseCaseState
from tests.unit.pipelines.rules.promotion.ledger_entries import FIRST, SECOND
from tests.unit.stack.status.states import airflow, dag, replica, state

SETTINGS = Settings(root=ROOT, home=Path("/nowhere"), use_cases="fraud")


def sentences(problems: list[StatusProblem]) -> list[str]:
    return [f"{each.which} {each.what}: {each.remedy}" for each in problems]


def test_the_dags_of_a_deployment_are_housekeeping_and_six_per_use_case() -> None:
    assert dag_ids(SETTINGS) == [
        "housekeeping",
        "fraud_batch_explanation",
        "fraud_batch_scoring",
        "fraud_drift_detection",
        "fraud_promotion",
        "fraud_retraining",
        "fraud_rollback",
    ]


def test_a_use_case_that_imports_has_an_ingest_dag_too(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("ingest: {labels: {folder: /data/labels}}\n")
    importing = dag_ids(SETTINGS.model_copy(update={"policy_overlay": overlay}))
    assert set(importing) - set(dag_ids(SETTINGS)) == {"fraud_ingest"}


def test_dags_that_are_missing_stale_or_paused_are_problems() -> None:
    listed = {name: dag() for name in dag_ids(SETTINGS)}
    assert dag_problems(SETTINGS, airflow(dags=listed)) == []
    del listed["housekeeping"]
    listed["fraud_rollback"] = dag(is_stale=True)
    listed["fraud_promotion"] = dag(is_paused=True)
    missing, paused = sentences(dag_problems(SETTINGS, airflow(dags=listed)))
    assert missing.startswith("housekeeping, fraud_rollback are missing or stale in Airflow: wait")
    assert paused == "fraud_promotion is paused: unpause in the list of DAGs in Airflow"


def test_a_file_that_airflow_cannot_import_is_named_with_the_last_line() -> None:
    error = {"filename": "/dags/retraining.py", "stack_trace": "Traceback\nNameError: no DAG\n"}
    listed = {name: dag() for name in dag_ids(SETTINGS)}
    problems = dag_problems(SETTINGS, airflow(dags=listed, import_errors=[error]))
    assert sentences(problems) == ["dags/retraining.py can't be imported: NameError: no DAG"]


@pytest.mark.parametrize(
    ("use_case", "problem"),
    [
        pytest.param(
            state(),
            "fraud has no model in Production: trigger fraud_retraining",
            id="nothing was promoted",
        ),
        pytest.param(
            state(entries=[SECOND, FIRST]),
            "fraud is served by no replica: see the scoring server's log; "
            "`sixgate up` starts what is missing",
            id="no replica reports",
        ),
        pytest.param(
            state(entries=[SECOND, FIRST], replicas=[replica("d1", version=1)]),
            "fraud on r serves version 1, and version 2 is in Production: wait a few seconds for "
            "its reload, then see the scoring server's log",
            id="a replica serves another version",
        ),
        pytest.param(
            state(
                entries=[SECOND, FIRST],
                replicas=[replica(None, version=None, error="its digest differs")],
            ),
            "fraud on r serves no model, and version 2 is in Production: its digest differs",
            id="a replica rejected the model",
        ),
    ],
)
def test_a_use_case_without_a_served_model_is_a_problem(
    use_case: UseCaseState, problem: str
) -> None:
    assert sentences(model_problems([use_case])) == [problem]


def test_beside_a_use_case_with_a_model_one_that_never_had_one_is_no_problem() -> None:
    served = state(entries=[SECOND, FIRST], replicas=[replica()])
    assert model_problems([state(name="loans"), served]) == []


def test_use_cases_of_which_none_has_a_model_are_one_problem() -> None:
    assert sentences(model_problems([state(), state(name="loans")])) == [
        "fraud, loans have no model in Production: trigger fraud_retraining or loans_retraining"
    ]
    assert model_problems([]) == []


def test_a_use_case_that_lost_its_model_is_a_problem_beside_others() -> None:
    served = state(name="loans", entries=[SECOND, FIRST], replicas=[replica()])
    lost = state(entries=[replace(FIRST, state="ROLLED_BACK")])
    assert sentences(model_problems([served, lost])) == [
        "fraud has no model in Production: trigger fraud_retraining"
    ]


def test_a_use_case_whose_replicas_serve_the_champion_is_none() -> None:
    assert model_problems([state(entries=[SECOND, FIRST], replicas=[replica(), replica()])]) == []


def test_parts_that_do_not_answer_are_problems() -> None:
    (problem,) = part_problems({"mlflow": False, "server": True}, Path("/home/logs"))
    assert (problem.which, problem.what) == ("mlflow", "does not answer or is not healthy")
    assert "/home/logs" in problem.remedy
    down = database_problem(SETTINGS, psycopg.OperationalError("refused\nis it running?"))
    assert sentences([down]) == [
        "PostgreSQL does not answer: see /nowhere/logs/postgres.log; refused is it running?"
    ]
    assert airflow_problem(TimeoutError("timed out")).remedy == "try again; timed out"
