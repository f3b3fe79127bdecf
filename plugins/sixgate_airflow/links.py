"""Buttons on tasks that open what the task made."""

from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from sixgate_pages.address import page_address


class ResultLink(BaseOperatorLink):  # type: ignore[misc]  # Airflow is not typed
    """A button that opens the URL in the step's result."""

    def __init__(self, name: str, field: str) -> None:
        self._name = name
        self._field = field

    @property
    def name(self) -> str:
        """The label of the button."""
        return self._name

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL, or '' while there is no result."""
        return str(_result(ti_key).get(self._field, ""))


class PageLink(BaseOperatorLink):  # type: ignore[misc]
    """A button that opens a place on one of Sixgate's pages in Airflow.

    `path` has the names of fields of the step's result in braces, and `{use_case}`.
    """

    def __init__(self, name: str, page: str, path: str = "{use_case}/") -> None:
        self._name = name
        self._page = page
        self._path = path

    @property
    def name(self) -> str:
        """The label of the button."""
        return self._name

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the URL, or '' while there is no result."""
        from airflow.configuration import conf

        result = _result(ti_key)
        if not result:
            return ""
        base = conf.get("api", "base_url").rstrip("/")
        path = self._path.format(use_case=operator.use_case, **result)
        return f"{base}{page_address(self._page, path)}"


def _result(ti_key: Any) -> dict[str, Any]:
    """Return the result of a step; empty while there is none."""
    from airflow.sdk.execution_time.xcom import XCom  # DAG files are parsed without it

    return XCom.get_value(ti_key=ti_key, key="return_value") or {}
