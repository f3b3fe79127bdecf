"""A route gets a visit by a person whose rights were checked, and a connection for the request."""

from __future__ import annotations

import asyncio
import shutil

import httpx
import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter
from sixgate_pages import access as module
from sixgate_pages.app import PageContext, page_app
from sixgate_pages.visit import Database, FormVisit, Visit

from pipelines.settings import ROOT, Settings

routes = APIRouter()


@routes.get("/{use_case}/")
def show(visit: Visit):
    policy = visit.in_force().policy
    return visit.render(
        "page.html", policy=policy.use_case, may_act=visit.may_act, names=visit.use_cases
    )


@routes.post("/{use_case}/act")
def act(visit: FormVisit):
    return {"acted": visit.use_case}


@routes.get("/{use_case}/count")
def count(visit: Visit, connection: Database):
    return connection.execute("SELECT count(*) AS n FROM promotions").fetchone()


@pytest.fixture
def permitted(monkeypatch) -> set[tuple[str, str]]:
    """What the person may do: methods and DAGs, which a test may add to."""
    permitted: set[tuple[str, str]] = {("GET", "fraud_drift_detection")}

    class Manager:
        def is_authorized_dag(self, *, method, access_entity, details, user) -> bool:
            return user == "ana" and (method, details.id) in permitted

    monkeypatch.setattr(module, "get_auth_manager", Manager)
    return permitted


@pytest.fixture
def request_(tmp_path, permitted, database_url):
    """Send a request to a page as a person who is signed in."""
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    (tmp_path / "page.html").write_text("{{ use_case }} {{ policy }} {{ may_act }} {{ names }}")
    settings = Settings(root=tmp_path, home=tmp_path / "home", database_url=database_url)
    app = page_app("A page", routes, PageContext(settings, "drift_detection", tmp_path))
    app.dependency_overrides[get_user] = lambda: "ana"

    def request(method: str, path: str, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(send())

    return request


def test_a_person_who_may_see_the_dag_sees_the_page_of_its_use_case(request_, permitted) -> None:
    page = request_("GET", "/fraud/")
    assert page.status_code == 200
    assert page.text == "fraud fraud False [&#39;fraud&#39;]"
    permitted.add(("POST", "fraud_drift_detection"))
    assert "True" in request_("GET", "/fraud/").text
    assert page.headers["cache-control"] == "no-store"


def test_the_first_page_leads_to_a_visible_use_case(request_) -> None:
    first = request_("GET", "/")
    assert (first.status_code, first.headers["location"]) == (307, "fraud/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/loans/", 403, id="a use case that the person may not see"),
        pytest.param("/nothing/", 404, id="an unknown use case"),
    ],
)
def test_other_use_cases_are_refused(request_, path, status) -> None:
    assert request_("GET", path).status_code == status


def test_a_form_needs_the_right_to_run_the_dag_and_an_origin_of_its_own(
    request_, permitted
) -> None:
    assert request_("POST", "/fraud/act").status_code == 403
    permitted.add(("POST", "fraud_drift_detection"))
    assert request_("POST", "/fraud/act").json() == {"acted": "fraud"}
    crossed = request_("POST", "/fraud/act", **{"sec-fetch-site": "cross-site"})
    assert crossed.status_code == 403


def test_a_route_may_ask_for_the_database(request_) -> None:
    assert request_("GET", "/fraud/count").json() == {"n": 0}
