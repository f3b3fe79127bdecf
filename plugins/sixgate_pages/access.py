"""Who may see and do what on Sixgate's pages in Airflow's UI.

Airflow does not authenticate requests to plugins, so each route checks session and permission.
"""

from collections.abc import Collection
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse

from pipelines.settings import Settings
from pipelines.use_case import chosen

# Our pages load nothing from other servers.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}


class Access:
    """The rights on the pages of one kind of DAG.

    Who may see a use case's DAG may see its page; who may run the DAG may act on the page.
    """

    def __init__(self, settings: Settings, kind: str) -> None:
        self._settings = settings
        self._kind = kind

    def allowed(self, user: Any, use_case: str, method: str) -> bool:
        """Return whether the user may see (GET) or run (POST) the DAG."""
        authorized = get_auth_manager().is_authorized_dag(
            method=method,
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=f"{use_case}_{self._kind}"),
            user=user,
        )
        return bool(authorized)

    def require(self, user: Any, use_case: str, method: str) -> None:
        """Raise 404 for an unknown use case, 403 if the user may not see or run its DAG."""
        if use_case not in chosen(self._settings.reference, self._settings.use_cases):
            raise HTTPException(404, f"there is no use case {use_case!r}")
        if not self.allowed(user, use_case, method):
            action = "see" if method == "GET" else "run"
            raise HTTPException(403, f"you may not {action} the DAG {use_case}_{self._kind}")

    def require_own_form(self, request: Request, user: Any, use_case: str) -> None:
        """Raise 403 for a form of another origin, and check that the user may run the DAG.

        The request guard checks the origin for every route, too.
        """
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "a form of another site may not do this")
        self.require(user, use_case, "POST")

    def visible(self, user: Any) -> list[str]:
        """Return the use cases that the user may see."""
        names = chosen(self._settings.reference, self._settings.use_cases)
        return [name for name in names if self.allowed(user, name, "GET")]

    def first(self, user: Any, in_use: Collection[str] = ()) -> RedirectResponse:
        """Redirect to the first use case that the user may see; 403 if there is none.

        One of those `in_use` comes before the others.
        """
        for name in sorted(self.visible(user), key=lambda name: name not in in_use):
            return RedirectResponse(f"{name}/")
        raise HTTPException(403, "you may not see the DAG of any use case")
