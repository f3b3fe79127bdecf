"""What needs the files of the artifact store, and the logs of tasks."""

import shutil
from datetime import datetime
from pathlib import Path

from pipelines.rules.use_case.file_retention import FileUser
from pipelines.stores.database import Connection, queries

DAG = "dag_id="


class FileUsers:
    """The decisions that need snapshots and datasets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, use_case: str) -> list[FileUser]:
        """List the decisions of registered models, the open ones and the approved ones."""
        rows = queries("files").users_of_files(self._connection, use_case=use_case)
        return [FileUser(**row) for row in rows]


class TaskLogs:
    """The folder in which Airflow writes the logs of tasks: `dag_id=…/run_id=…/task_id=…`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def dags(self) -> list[str]:
        """List the DAGs that have logs."""
        return sorted(path.name.removeprefix(DAG) for path in self.root.glob(f"{DAG}*"))

    def remove(self, dag_id: str, before: datetime) -> int:
        """Delete the logs of a DAG's runs that wrote nothing since a time; return how many."""
        removed = 0
        for run in sorted((self.root / f"{DAG}{dag_id}").glob("run_id=*")):
            if _last_written(run) < before.timestamp():
                shutil.rmtree(run, ignore_errors=True)
                removed += not run.exists()
        return removed


def _last_written(folder: Path) -> float:
    """Return when anything in a folder was written last."""
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:  # another process removes it
            continue
    return max(times)
