"""Run one DAG in this process with `dag.test()`, and print its tasks' states: `python run_dag.py FILE DAG_ID [CONF]`."""

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
assert spec is not None
assert spec.loader is not None
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
run = getattr(module, sys.argv[2] if hasattr(module, sys.argv[2]) else "dag").test(
    run_conf=json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
)
states = {
    f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state)
    for ti in run.get_task_instances()
}
print(json.dumps({"state": str(run.state), "tasks": states}))
