"""A step runs as a process; its exit code and last line decide how its task ends."""

from __future__ import annotations

import json
import threading
import time

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from sixgate_airflow.links import ResultLink
from sixgate_airflow.step import StepOperator, StepProcess, environment, step

from pipelines.exit_codes import REFUSED, SKIPPED
from pipelines.rules.use_case.policy import Policy
from tests.unit.plugins.sixgate_airflow.steps import Program, context

VARIABLES = "import json, os; print(json.dumps(dict(os.environ)))"


def test_the_last_line_of_a_step_is_its_result() -> None:
    code = "print('a line of its log'); print('{\"version\": 3}')"
    assert Program(code).run(context(), {}) == {"version": 3}


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        pytest.param(
            f'print(\'{{"skipped": "no alert"}}\'); exit({SKIPPED})',
            AirflowSkipException,
            "^no alert$",
            id="a step with nothing to do skips its task with the reason",
        ),
        pytest.param(
            f"print('{{}}'); exit({SKIPPED})",
            AirflowSkipException,
            "nothing to do",
            id="a step that gives no reason skips its task too",
        ),
        pytest.param(
            f"print('force: unknown'); exit({REFUSED})",
            AirflowFailException,
            "^force: unknown$",
            id="a step that refuses fails its task without a retry",
        ),
        pytest.param(
            "print('the database is away'); exit(1)",
            AirflowException,
            "step measure failed with exit code 1: the database is away",
            id="a step that fails is retried",
        ),
        pytest.param(
            "print('no JSON')",
            AirflowException,
            "step measure ended without a result; its last line was 'no JSON'",
            id="a step without a result has failed",
        ),
    ],
)
def test_how_a_task_ends(code, error, message) -> None:
    with pytest.raises(error, match=message) as ended:
        Program(code).run(context(), {})
    assert type(ended.value) is error


def test_the_command_names_the_step_the_run_and_its_time_and_nothing_that_people_entered() -> None:
    command = StepProcess("train", "fraud").command(context(params={"reason": "s3cret"}))
    assert command[1:] == [
        *("-m", "pipelines", "step", "train", "--use-case", "fraud"),
        *("--run-id", "manual__1", "--as-of", "2026-01-05T00:00:00+00:00"),
        *("--trigger", "manual"),
    ]


def test_parameters_are_those_of_the_form_then_of_the_run_then_of_earlier_tasks() -> None:
    given = context(params={"a": "form", "b": "form", "c": "form"}, conf={"b": "run", "c": "run"})
    variables = Program(VARIABLES).run(given, {"c": "task"})
    params = json.loads(variables["SIXGATE_STEP_PARAMS"])
    assert params == {"a": "form", "b": "run", "c": "task"}
    assert variables["SIXGATE_STEP_REQUESTED_BY"] == "ana"


@pytest.mark.parametrize(
    ("name", "passed_on"),
    [
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", False),
        ("AIRFLOW_CONN_SIXGATE", False),
        ("AIRFLOW_VAR_X", False),
        ("SIXGATE_AIRFLOW_DATABASE_URL", False),
        ("AIRFLOW_HOME", True),
        ("SIXGATE_DATABASE_URL", True),
    ],
)
def test_a_step_gets_no_secret_of_airflow(monkeypatch, name, passed_on) -> None:
    monkeypatch.setenv(name, "x")
    assert (name in environment()) == passed_on
    assert (name in Program(VARIABLES).run(context(), {})) == passed_on


def test_a_task_that_is_killed_ends_the_process_of_its_step(tmp_path) -> None:
    started = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    process = Program(code)
    process.stop()  # before it runs there is nothing to end
    ended: list[BaseException] = []

    def run() -> None:
        try:
            process.run(context(), {})
        except AirflowException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not started.exists():
        time.sleep(0.01)
    process.stop()
    thread.join(20)
    assert not thread.is_alive()
    (error,) = ended
    assert "step measure failed with exit code" in str(error)


def test_a_task_has_the_name_of_its_step_unless_it_is_given_another() -> None:
    assert step("train", Policy(use_case="fraud")).task_id == "train"
    other = step("promote", "fraud", task_id="again")
    assert (other.task_id, other.process.name, other.process.use_case) == (
        "again",
        "promote",
        "fraud",
    )
    assert "take" in StepOperator.template_fields  # Airflow renders what earlier tasks return


def test_a_page_has_a_button_only_where_there_is_one() -> None:
    (link,) = step("report", "fraud", link=ResultLink("Model", "page")).operator_extra_links
    assert link.name == "Model"
    assert step("train", "fraud").operator_extra_links == ()
