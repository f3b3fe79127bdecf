"""A client of Airflow's REST API: trigger DAGs, read their state, and wait for runs.

It signs in with a user name and a password, as a person with a browser does.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from pipelines.errors import StackError
from pipelines.settings import Settings

FINISHED = ("success", "failed")
PAGE = 100


class Airflow:
    """A signed-in client of the stack's Airflow."""

    def __init__(self, settings: Settings, user: str = "admin", *, timeout: float = 20) -> None:
        passwords = json.loads((settings.home / "airflow" / "passwords.json").read_text())
        credentials = {"username": user, "password": passwords[user]}
        self._client = httpx.Client(base_url=settings.airflow_url, timeout=timeout)
        response = self._client.post("/auth/token", json=credentials)
        response.raise_for_status()
        token = response.json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @property
    def headers(self) -> dict[str, str]:
        """The header that authorizes a request of the signed-in user."""
        return {"Authorization": self._client.headers["Authorization"]}

    def dags(self) -> list[dict[str, Any]]:
        """Return every DAG that Airflow lists, including stale ones."""
        return self._pages("/api/v2/dags", "dags", exclude_stale=False)

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the files that Airflow can't import, with the stack trace."""
        return self._pages("/api/v2/importErrors", "import_errors")

    def wait_for_dag(self, dag_id: str, *, seconds: float = 90) -> None:
        """Return when the DAG processor has registered the DAG."""

        def registered() -> bool:
            return self._client.get(f"/api/v2/dags/{dag_id}").status_code == 200

        self._until(registered, seconds, f"{dag_id} is not registered in Airflow")

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Trigger a manual run and return its id."""
        body = {"logical_date": None, "conf": conf or {}}
        response = self._client.post(_runs_path(dag_id), json=body)
        if response.status_code != 200:
            raise StackError(f"{dag_id} could not be triggered: {response.text}")
        return str(response.json()["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the 20 newest runs of a DAG, newest first."""
        page = self._get(_runs_path(dag_id), order_by="-run_after", limit=20)
        return list(page["dag_runs"])

    def last_run(self, dag_id: str) -> dict[str, Any] | None:
        """Return the newest run of a DAG; None when it never ran."""
        page = self._get(_runs_path(dag_id), order_by="-run_after", limit=1)
        return next(iter(page["dag_runs"]), None)

    def unanswered(self) -> list[dict[str, Any]]:
        """Return the requests to people that have no answer yet, of all DAGs."""
        path = f"{_runs_path('~')}/~/hitlDetails"
        return self._pages(path, "hitl_details", response_received=False)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return task → state of one run; a mapped task is named `task[index]`."""
        page = self._get(f"{_runs_path(dag_id)}/{run_id}/taskInstances")
        return {_task_name(task): str(task["state"]) for task in page["task_instances"]}

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """Return a task's extra links: button → URL."""
        links = self._get(f"{_task_path(dag_id, run_id, task_id)}/links")
        return dict(links["extra_links"])

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return a task's log as text."""
        path = f"{_task_path(dag_id, run_id, task_id)}/logs/{attempt}"
        log = self._get(path, full_content=True)
        lines = []
        for entry in log["content"]:
            lines.append(entry["event"] if isinstance(entry, dict) else str(entry))
        return "\n".join(lines)

    def answer(
        self, dag_id: str, run_id: str, task_id: str, choice: str, comment: str = ""
    ) -> None:
        """Answer a task that waits for a person."""
        path = f"{_task_path(dag_id, run_id, task_id)}/-1/hitlDetails"
        body = {
            "chosen_options": [choice],
            "params_input": {"comment": comment},
        }
        response = self._client.patch(path, json=body)
        if response.status_code != 200:
            raise StackError(
                f"{dag_id} {run_id} {task_id} did not accept the answer: {response.text}"
            )

    def finish(self, dag_id: str, run_id: str, *, seconds: float = 180) -> dict[str, str]:
        """Wait until a run has succeeded and return its tasks' states.

        Raises StackError with the names of the failed tasks if the run failed.
        """
        path = f"{_runs_path(dag_id)}/{run_id}"

        def finished() -> bool:
            return self._get(path)["state"] in FINISHED

        self._until(finished, seconds, f"{dag_id} {run_id} did not finish")
        tasks = self.tasks(dag_id, run_id)
        if self._get(path)["state"] == "failed":
            failed = [name for name, state in tasks.items() if state == "failed"]
            names = ", ".join(failed)
            raise StackError(f"{dag_id} {run_id} failed in {names}: see its log in Airflow")
        return tasks

    def next_run(
        self, dag_id: str, *, run_type: str, earlier: set[str], seconds: float = 120
    ) -> str:
        """Wait for a run of `run_type`, such as asset_triggered, that is not in `earlier`."""
        new_runs: list[str] = []

        def started() -> bool:
            new_runs[:] = [
                run["dag_run_id"]
                for run in self.runs(dag_id)
                if run["run_type"] == run_type and run["dag_run_id"] not in earlier
            ]
            return bool(new_runs)

        self._until(started, seconds, f"no {run_type} run of {dag_id} was started")
        return new_runs[0]

    def _pages(self, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        while True:
            page = self._get(path, limit=PAGE, offset=len(entries), **params)
            entries += page[key]
            if not page[key] or len(entries) >= page["total_entries"]:
                return entries

    def _get(self, path: str, **params: Any) -> Any:
        response = self._client.get(path, params=params)
        response.raise_for_status()
        return response.json()

    def _until(self, holds: Callable[[], bool], seconds: float, message: str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise StackError(f"{message} within {seconds:.0f} s")
            time.sleep(0.25)


def _runs_path(dag_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns"


def _task_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"{_runs_path(dag_id)}/{run_id}/taskInstances/{task_id}"


def _task_name(task: dict[str, Any]) -> str:
    if task["map_index"] < 0:
        return str(task["task_id"])
    return f"{task['task_id']}[{task['map_index']}]"
