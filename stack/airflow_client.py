"""Airflow over its REST API, as a person with a browser would use it: trigger, look, wait."""

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
        self._client = httpx.Client(base_url=settings.airflow_url, timeout=timeout)
        answer = self._client.post(
            "/auth/token", json={"username": user, "password": passwords[user]}
        )
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    @property
    def headers(self) -> dict[str, str]:
        """What signs a request in."""
        return {"Authorization": self._client.headers["Authorization"]}

    def dags(self) -> list[dict[str, Any]]:
        """Every DAG that Airflow knows, stale ones too."""
        return self._pages("/api/v2/dags", "dags", exclude_stale=False)

    def import_errors(self) -> list[dict[str, Any]]:
        """Files that Airflow can't import, with the stack trace."""
        return self._pages("/api/v2/importErrors", "import_errors")

    def wait_for_dag(self, dag_id: str, *, seconds: float = 90) -> None:
        """Return once the DAG processor has made the DAG known."""
        self._until(
            lambda: self._client.get(f"/api/v2/dags/{dag_id}").status_code == 200,
            seconds,
            f"{dag_id} did not turn up",
        )

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run by hand and return its id."""
        answer = self._client.post(
            f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}}
        )
        if answer.status_code != 200:
            raise StackError(f"{dag_id} could not be triggered: {answer.text}")
        return str(answer.json()["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The newest runs of a DAG first."""
        return list(
            self._get(f"/api/v2/dags/{dag_id}/dagRuns", order_by="-run_after", limit=20)["dag_runs"]
        )

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Task → state of one run; mapped tasks by their index."""
        found = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {
            task["task_id"]
            if task["map_index"] < 0
            else f"{task['task_id']}[{task['map_index']}]": str(task["state"])
            for task in found
        }

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """A task's buttons and the pages behind them."""
        found = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links")
        return dict(found["extra_links"])

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """A task's log as text."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        lines = self._get(path, full_content=True)["content"]
        return "\n".join(line["event"] if isinstance(line, dict) else str(line) for line in lines)

    def answer(
        self, dag_id: str, run_id: str, task_id: str, choice: str, comment: str = ""
    ) -> None:
        """Answer a task that waits for a person."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        answer = self._client.patch(
            path, json={"chosen_options": [choice], "params_input": {"comment": comment}}
        )
        if answer.status_code != 200:
            raise StackError(f"{dag_id} {run_id} {task_id} took no answer: {answer.text}")

    def finish(self, dag_id: str, run_id: str, *, seconds: float = 180) -> dict[str, str]:
        """Wait until a run has ended well and return its tasks' states; a failed one raises with the tasks that did."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._until(
            lambda: self._get(path)["state"] in FINISHED,
            seconds,
            f"{dag_id} {run_id} did not finish",
        )
        tasks = self.tasks(dag_id, run_id)
        if self._get(path)["state"] == "failed":
            failed = [name for name, state in tasks.items() if state == "failed"]
            raise StackError(
                f"{dag_id} {run_id} failed in {', '.join(failed)}: see its log in Airflow"
            )
        return tasks

    def next_run(self, dag_id: str, *, run_type: str, known: set[str], seconds: float = 120) -> str:
        """Wait for a run of a type that is not among the known ones, as an asset starts it."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [
                run["dag_run_id"]
                for run in self.runs(dag_id)
                if run["run_type"] == run_type and run["dag_run_id"] not in known
            ]
            return bool(found)

        self._until(there, seconds, f"no {run_type} run of {dag_id} was started")
        return found[0]

    def _pages(self, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._get(path, limit=PAGE, offset=len(found), **params)
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _get(self, path: str, **params: Any) -> Any:
        answer = self._client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    def _until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise StackError(f"{what} within {seconds:.0f} s")
            time.sleep(0.25)
