"""Who may see a use case's DAG may see its page; who may run the DAG may act on it."""

from __future__ import annotations

import shutil

import pytest
from fastapi import HTTPException
from sixgate_pages import access as module
from sixgate_pages.access import Access

from pipelines.settings import ROOT, Settings

USER = object()


class Manager:
    """An auth manager that permits some methods on some DAGs."""

    def __init__(self, *permitted: tuple[str, str]) -> None:
        self._permitted = set(permitted)

    def is_authorized_dag(self, *, method, access_entity, details, user) -> bool:
        assert user is USER
        assert access_entity is module.DagAccessEntity.RUN
        return (method, details.id) in self._permitted


class Request:
    """A request with some headers."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def access(tmp_path):
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    return Access(Settings(root=tmp_path, home=tmp_path / "home"), "drift_detection")


@pytest.fixture
def permit(monkeypatch):
    """Set what the user may do."""

    def permit(*permitted: tuple[str, str]) -> None:
        monkeypatch.setattr(module, "get_auth_manager", lambda: Manager(*permitted))

    permit()
    return permit


SEE = ("GET", "fraud_drift_detection")
RUN = ("POST", "fraud_drift_detection")


@pytest.mark.parametrize(
    ("permitted", "method", "status", "detail"),
    [
        pytest.param((SEE,), "GET", None, "", id="who may see the DAG may see the page"),
        pytest.param((SEE,), "POST", 403, "may not run the DAG fraud_drift", id="and not act"),
        pytest.param((SEE, RUN), "POST", None, "", id="who may run it may act"),
        pytest.param((), "GET", 403, "may not see the DAG fraud_drift", id="others may not see it"),
        pytest.param((("GET", "fraud_promotion"),), "GET", 403, "see", id="nor by another DAG"),
    ],
)
def test_the_rights_on_a_page(access, permit, permitted, method, status, detail) -> None:
    permit(*permitted)
    if status is None:
        access.require(USER, "fraud", method)
        return
    with pytest.raises(HTTPException) as refused:
        access.require(USER, "fraud", method)
    assert refused.value.status_code == status
    assert detail in refused.value.detail


@pytest.mark.parametrize("use_case", ["nothing", "../fraud", ""])
def test_an_unknown_use_case_is_not_found_whatever_the_user_may_do(
    access, permit, use_case
) -> None:
    permit(("GET", f"{use_case}_drift_detection"))
    with pytest.raises(HTTPException, match="there is no use case") as refused:
        access.require(USER, use_case, "GET")
    assert refused.value.status_code == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_site_is_refused(access, permit, site) -> None:
    permit(RUN)
    with pytest.raises(HTTPException, match="a form of another site") as refused:
        access.require_own_form(Request(sec_fetch_site=site), USER, "fraud")
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    "request_", [Request(), Request(sec_fetch_site="same-origin"), Request(sec_fetch_site="none")]
)
def test_an_own_form_needs_the_right_to_run_the_dag(access, permit, request_) -> None:
    permit(RUN)
    access.require_own_form(request_, USER, "fraud")
    permit(SEE)
    with pytest.raises(HTTPException, match="you may not run"):
        access.require_own_form(request_, USER, "fraud")


def test_the_first_page_is_that_of_the_first_visible_use_case(access, permit) -> None:
    permit(("GET", "loans_drift_detection"))
    assert access.visible(USER) == ["loans"]
    assert access.first(USER).headers["location"] == "loans/"
    permit()
    assert access.visible(USER) == []
    with pytest.raises(HTTPException, match="you may not see the DAG of any use case"):
        access.first(USER)


def test_a_use_case_in_use_comes_before_others_on_the_first_page(access, permit) -> None:
    permit(SEE, ("GET", "loans_drift_detection"))
    assert access.first(USER).headers["location"] == "fraud/"
    assert access.first(USER, in_use=["loans"]).headers["location"] == "loans/"
    assert access.first(USER, in_use=["fraud", "loans"]).headers["location"] == "fraud/"
    permit(SEE)
    assert access.first(USER, in_use=["loans"]).headers["location"] == "fraud/"


def test_pages_load_nothing_of_other_hosts_and_are_not_stored() -> None:
    policy = module.HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "script" not in policy
    assert module.HEADERS["Cache-Control"] == "no-store"
