"""A run takes the listed parameters, with values of their types; others are refused by name."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.use_case.run_parameters import (
    DAG_PARAMETERS,
    STEP_PARAMETERS,
    kind_of_dag,
    why_run_refused,
    why_step_refused,
)
from pipelines.steps import STEPS

RETRAINING_NAMES = "force, reason, reference, require_review, snapshot"
LONGEST_MESSAGE = 1000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        pytest.param(
            "retraining",
            {"requre_review": True},
            "unknown parameter 'requre_review': did you mean 'require_review'? "
            f"Permitted: {RETRAINING_NAMES}",
            id="a misspelt name with the likely one",
        ),
        pytest.param(
            "retraining",
            {"colour": "red"},
            f"unknown parameter 'colour'. Permitted: {RETRAINING_NAMES}",
            id="a name that is close to none",
        ),
        pytest.param(
            "retraining",
            {"Force": True, "zz": 1, "reason": "x"},
            "unknown parameters 'Force' (did you mean 'force'?), 'zz'. "
            f"Permitted: {RETRAINING_NAMES}",
            id="several unknown names",
        ),
        pytest.param(
            "drift_detection",
            {"window": "7d"},
            "unknown parameter 'window'. Permitted: none",
            id="a DAG without parameters",
        ),
        pytest.param(
            "promotion",
            {"approved": True},
            "unknown parameter 'approved'. Permitted: decision_id",
            id="what only a task may hand on",
        ),
        pytest.param(
            "retraining",
            {"require_review": "true"},
            "parameter 'require_review' is 'true': it must be true or false",
            id="text for a boolean",
        ),
        pytest.param(
            "retraining",
            {"force": 1},
            "parameter 'force' is 1: it must be true or false",
            id="a number for a boolean",
        ),
        pytest.param(
            "promotion",
            {"decision_id": True},
            "parameter 'decision_id' is True: it must be null or a whole number",
            id="a boolean for a number",
        ),
        pytest.param(
            "rollback",
            {"version": 0},
            "parameter 'version' is 0: it must be at least 1",
            id="a number that is too small",
        ),
        pytest.param(
            "rollback",
            {"reason": "x" * 2001},
            f"parameter 'reason' is '{'x' * 59}…: it may have at most 2,000 characters",
            id="a text that is too long",
        ),
        pytest.param(
            "batch_explanation",
            {"select": "some"},
            "parameter 'select' is 'some': it must be one of None, 'all', 'flagged'",
            id="a value that is not among the choices",
        ),
        pytest.param("retraining", {"require_review": True, "reason": None}, None, id="all well"),
        pytest.param("housekeeping", {}, None, id="nothing"),
    ],
)
def test_a_run(kind: str, parameters: dict[str, Any], message: str | None) -> None:
    assert why_run_refused(kind, parameters) == message


@pytest.mark.parametrize(
    ("step", "parameters", "message"),
    [
        pytest.param("promote", {"decision_id": "7", "evidence_hash": "ab"}, None, id="promotion"),
        pytest.param(
            "promote",
            {"version": "3", "from_version": "4", "reason": "slow"},
            None,
            id="rollback",
        ),
        pytest.param(
            "promote",
            {"decision_id": 7, "version": 3},
            "parameters decision_id, version do not go together: "
            "give decision_id, evidence_hash or version, from_version, reason",
            id="promotion and rollback at once",
        ),
        pytest.param(
            "promote",
            {"decision_id": "seven"},
            "parameter 'decision_id' is 'seven': it must be a whole number",
            id="text that is no number",
        ),
        pytest.param(
            "review",
            {"decision_id": "7", "approved": True, "reviewer": None, "comment": ""},
            None,
            id="an answer of nobody",
        ),
        pytest.param(
            "review",
            {"decision_id": "7", "approved": "false"},
            "parameter 'approved' is 'false': it must be true or false",
            id="an answer that would be read as yes",
        ),
        pytest.param(
            "check_conditions",
            {"decision_id": 7},
            f"unknown parameter 'decision_id'. Permitted: {RETRAINING_NAMES}",
            id="the parameter of another DAG",
        ),
        pytest.param("notify", {"notified": []}, None, id="what was sent"),
        pytest.param("explain", {"select": "all", "chunk": "r/picked/1/0"}, None, id="a chunk"),
    ],
)
def test_a_step(step: str, parameters: dict[str, Any], message: str | None) -> None:
    assert why_step_refused(step, parameters) == message


@pytest.mark.parametrize(
    ("dag_id", "kind"),
    [
        ("fraud_retraining", "retraining"),
        ("fraud_drift_detection", "drift_detection"),
        ("card_fraud_rollback", "rollback"),
        ("housekeeping", "housekeeping"),
        ("other_retraining", None),
        ("retraining", None),
        ("_retraining", None),
        ("fraud", None),
    ],
)
def test_a_dag_is_known_by_its_use_case_and_kind(dag_id: str, kind: str | None) -> None:
    assert kind_of_dag(dag_id, ["fraud", "card_fraud"]) == kind


def test_every_step_has_its_parameters() -> None:
    assert set(STEP_PARAMETERS) == set(STEPS)


@given(
    st.sampled_from(sorted(DAG_PARAMETERS)),
    st.dictionaries(st.text() | st.sampled_from(["force", "select", "version"]), JSON, max_size=8),
)
def test_an_unknown_name_is_always_refused_in_one_short_line(
    kind: str, parameters: dict[str, Any]
) -> None:
    unknown = set(parameters) - set(DAG_PARAMETERS[kind])
    refused = why_run_refused(kind, parameters)
    if unknown:
        assert refused is not None and refused.startswith("unknown parameter")
        assert all(name in refused for name in DAG_PARAMETERS[kind])
    if refused is not None:
        assert len(refused) < LONGEST_MESSAGE
        assert len(refused.splitlines()) == 1


@given(st.data())
def test_a_value_is_accepted_exactly_when_airflows_param_accepts_it(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind, known in DAG_PARAMETERS.items() if known]))
    name, parameter = data.draw(st.sampled_from(sorted(DAG_PARAMETERS[kind].items(), key=str)))
    value = data.draw(JSON | st.sampled_from([1, 1.0, 0, -1, "all", "x" * 2001]))
    valid = jsonschema.Draft202012Validator(parameter.schema).is_valid(value)
    assert (why_run_refused(kind, {name: value}) is None) == valid


@given(st.sampled_from(STEPS), st.text(), JSON)
def test_no_step_takes_a_name_that_is_not_listed(step: str, name: str, value: object) -> None:
    listed = {each for one_set in STEP_PARAMETERS[step] for each in one_set}
    if name not in listed:
        refused = why_step_refused(step, {name: value})
        assert refused is not None and refused.startswith("unknown parameter")
