"""The parameters of Airflow's form are those of the rules, and a run with others fails for good."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from sixgate_airflow.params import refuse_unknown, run_params

from pipelines.rules.use_case.run_parameters import DAG_PARAMETERS


def run_with(conf):
    return {"dag_run": SimpleNamespace(conf=conf)}


@pytest.mark.parametrize("kind", DAG_PARAMETERS)
def test_each_parameter_has_its_default_type_and_description(kind) -> None:
    params = run_params(kind)
    assert list(params) == list(DAG_PARAMETERS[kind])
    for name, param in params.items():
        assert param.resolve() == DAG_PARAMETERS[kind][name].default
        assert param.schema["title"]
        assert param.description


def test_airflow_checks_the_type_of_a_value_in_its_form() -> None:
    force = run_params("retraining")["force"]
    assert force.resolve(True) is True
    with pytest.raises(Exception, match="not of type 'boolean'"):
        force.resolve("yes")


@pytest.mark.parametrize("conf", [None, {}])
def test_a_run_without_parameters_goes_on(conf) -> None:
    refuse_unknown("housekeeping")(run_with(conf))


def test_a_run_with_an_unknown_parameter_fails_without_a_retry() -> None:
    with pytest.raises(AirflowFailException, match="days"):
        refuse_unknown("housekeeping")(run_with({"days": 3}))
