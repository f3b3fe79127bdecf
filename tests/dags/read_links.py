"""`python read_links.py DAG_FILE…`: where the buttons of the tasks lead, before and after a step.

Prints one line of JSON: task id → label, and the address for no result and for a step's result.
"""

import importlib.util
import json
import sys
from typing import Any
from unittest.mock import patch

from airflow.sdk import DAG
from airflow.sdk.execution_time.xcom import XCom

RESULTS = {
    "report": {"report": "drift-20260101T000000Z.html.gz"},
    "summarise": {"counts": {"COMPLETED": 3}, "drawn": [1]},
    "train": {"version": 3, "page": "http://mlflow.example/#/models/fraud/versions/3"},
}


def dags(file: str) -> list[DAG]:
    spec = importlib.util.spec_from_file_location("dag_file", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, DAG)]


def addresses(task: Any) -> list[str]:
    """Return the label of the task's button, and its address before and after the step."""
    (link,) = task.operator_extra_links
    shown = [link.name]
    for result in (None, RESULTS[task.task_id]):
        with patch.object(XCom, "get_value", return_value=result):
            shown.append(link.get_link(task, ti_key=None))
    return shown


if __name__ == "__main__":
    tasks = [task for file in sys.argv[1:] for dag in dags(file) for task in dag.tasks]
    with_links = [task for task in tasks if getattr(task, "operator_extra_links", ())]
    print(json.dumps({task.task_id: addresses(task) for task in with_links}))
