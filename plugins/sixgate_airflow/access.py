"""Who may see what in Airflow's UI: for plugins it authenticates nobody, so each route asks for session and permission."""

from collections.abc import Callable, Iterator
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse

from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.use_case import chosen

# For pages of ours, which load nothing from anywhere else.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}


class Access:
    """The pages that go with one kind of DAG: who may see a use case's DAG may see its page, who may run it may act there."""

    def __init__(self, settings: Settings, kind: str) -> None:
        self._settings, self._kind = settings, kind

    def allowed(self, user: Any, use_case: str, method: str) -> bool:
        """Whether the user may see (GET) or run (POST) the DAG."""
        details = DagDetails(id=f"{use_case}_{self._kind}")
        return bool(
            get_auth_manager().is_authorized_dag(
                method=method, access_entity=DagAccessEntity.RUN, details=details, user=user
            )
        )

    def require(self, user: Any, use_case: str, method: str) -> None:
        """404 for a use case that is not there, 403 for one that the user may not see or run."""
        if use_case not in chosen(self._settings.reference, self._settings.use_cases):
            raise HTTPException(404, f"there is no use case {use_case!r}")
        if not self.allowed(user, use_case, method):
            raise HTTPException(
                403,
                f"you may not {'see' if method == 'GET' else 'run'} the DAG {use_case}_{self._kind}",
            )

    def require_own_form(self, request: Request, user: Any, use_case: str) -> None:
        """The same for what a form of ours sends; another origin's is refused, as the request guard does for every route."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "a form of another site may not do this")
        self.require(user, use_case, "POST")

    def visible(self, user: Any) -> list[str]:
        """The use cases that the user may see."""
        running = chosen(self._settings.reference, self._settings.use_cases)
        return [name for name in running if self.allowed(user, name, "GET")]

    def first(self, user: Any) -> RedirectResponse:
        """Lead to the first of them."""
        for name in self.visible(user):
            return RedirectResponse(f"{name}/")
        raise HTTPException(403, "you may see no use case's DAG")


def database(settings: Settings) -> Callable[[], Iterator[Connection]]:
    """A dependency: a connection for as long as a request."""

    def connection() -> Iterator[Connection]:
        with connect(settings, autocommit=True) as opened:
            yield opened

    return connection
