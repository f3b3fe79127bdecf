"""Buttons on tasks: where they lead once there is a result, and nowhere before."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.configuration import conf
from airflow.sdk.execution_time.xcom import XCom
from sixgate_airflow.links import PageLink, ResultLink

OPERATOR = SimpleNamespace(use_case="fraud")


@pytest.fixture
def result(monkeypatch):
    """Set the result of the step; None while there is none."""
    monkeypatch.setattr(conf, "get", lambda section, key: "http://airflow/path/")

    def set_result(value) -> None:
        monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: value)

    set_result(None)
    return set_result


def url(link) -> str:
    return link.get_link(OPERATOR, ti_key=None)


def test_a_button_opens_the_url_in_the_result(result) -> None:
    link = ResultLink("Model in MLflow", "page")
    assert link.name == "Model in MLflow"
    result({"page": "http://mlflow/#/models/fraud/versions/3"})
    assert url(link) == "http://mlflow/#/models/fraud/versions/3"


@pytest.mark.parametrize("value", [None, {}])
def test_without_a_result_a_button_leads_nowhere(result, value) -> None:
    result(value)
    assert url(ResultLink("Model", "page")) == ""
    assert url(PageLink("Drift page", "drift")) == ""


def test_a_page_is_below_airflows_own_address(result) -> None:
    result({"check": "7"})
    assert url(PageLink("Drift page", "drift")) == "http://airflow/path/sixgate/drift/fraud/"
    place = PageLink("Check", "drift", "{use_case}/checks/{check}")
    assert url(place) == "http://airflow/path/sixgate/drift/fraud/checks/7"
