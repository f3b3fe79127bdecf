"""The installed Airflow takes a run's parameters where the middleware looks for them, and nowhere else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from run_parameters.middleware import ENDPOINTS

from pipelines.settings import ROOT

WALK = """
import json
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.execution_api.routes import execution_api_router
from fastapi.routing import APIRoute
from pydantic import BaseModel

def models(annotation):
    found = getattr(annotation, "__args__", ()) or (annotation,)
    return [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]

def taking(routes, prefix):
    for route in routes:
        if isinstance(route, APIRoute):
            for parameter in route.dependant.body_params:
                for model in models(parameter.field_info.annotation):
                    for name in {"conf", "dag_run_conf"} & set(model.model_fields):
                        yield prefix + route.path, name

app = create_app()
found = {*taking(app.routes, ""), *taking(execution_api_router.routes, "/execution")}
print(json.dumps({"endpoints": sorted(found), "middlewares": [each.cls.__name__ for each in app.user_middleware]}))
"""


def test_every_endpoint_that_takes_a_runs_parameters_is_checked(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    done = subprocess.run(
        [sys.executable, "-c", WALK], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert dict(found["endpoints"]) == ENDPOINTS
    assert "RunParameters" in found["middlewares"]
