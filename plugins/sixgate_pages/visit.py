"""What a route of a page is given: a visit by a person whose rights were checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.use_case import UseCase, read_in_force
from sixgate_pages.app import PageContext, PageDep


@dataclass(frozen=True)
class PageVisit:
    """A request by a signed-in person for one use case."""

    page: PageContext
    use_case: str
    user: Any

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return self.page.settings

    @property
    def may_act(self) -> bool:
        """Whether the person may act on the page, because they may run its DAG."""
        return self.page.access.allowed(self.user, self.use_case, "POST")

    @property
    def use_cases(self) -> list[str]:
        """The use cases that the person may see."""
        return self.page.access.visible(self.user)

    def in_force(self) -> UseCase:
        """Return the contract and policy in force."""
        settings = self.settings
        return read_in_force(
            settings.reference, self.use_case, settings.policy_overlay, settings.last_valid
        )

    def render(self, template: str, **values: Any) -> HTMLResponse:
        """Return a template of the page, filled with the use case's name and values."""
        return self.page.render(template, use_case=self.use_case, **values)


def _visit(use_case: str, user: GetUserDep, page: PageDep) -> PageVisit:
    """Return the visit; 404 for an unknown use case, 403 if the person may not see its DAG."""
    page.access.require(user, use_case, "GET")
    return PageVisit(page, use_case, user)


def _form_visit(use_case: str, request: Request, user: GetUserDep, page: PageDep) -> PageVisit:
    """Return the visit; 403 for another site's form, or if the person may not run the DAG."""
    page.access.require_own_form(request, user, use_case)
    return PageVisit(page, use_case, user)


def _connection(page: PageDep) -> Iterator[Connection]:
    with connect(page.settings, autocommit=True) as connection:
        yield connection


Visit = Annotated[PageVisit, Depends(_visit)]
FormVisit = Annotated[PageVisit, Depends(_form_visit)]
Database = Annotated[Connection, Depends(_connection)]
