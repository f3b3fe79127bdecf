"""Other model servers with the same booster, each in an environment of its own."""

import json
import os
import subprocess

from benchmarks.environments import environment
from benchmarks.serving.bench import PIN, Bench, wait
from benchmarks.serving.target import Target
from stack.temporary_services import free_port


def mlflow(bench: Bench) -> list[Target]:
    """Start `mlflow models serve` with the same booster, in a separate environment."""
    binaries = environment("mlflow", "mlflow==3.17.2", "xgboost==3.2.0", "pandas<3")
    booster = bench.folder / "booster.json"
    bench.model.save_model(booster)
    save = (
        "import mlflow.xgboost, sys, xgboost;"
        " model = xgboost.XGBClassifier(); model.load_model(sys.argv[1]);"
        " mlflow.xgboost.save_model(model, sys.argv[2], pip_requirements=['xgboost'])"
    )
    folder = bench.folder / "mlflow-model"
    command = [binaries / "python", "-c", save, booster, folder]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    serve = [str(binaries / "mlflow"), "models", "serve", "-m", str(folder)]
    options = ["-p", str(port), "-h", "127.0.0.1", "--env-manager", "local"]
    variables = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    process = bench.start([*PIN, *serve, *options], env=variables, start_new_session=True)
    wait(port, "/ping")
    bodies = []
    for row in bench.rows:
        frame = {"columns": list(row), "data": [list(row.values())]}
        bodies.append(json.dumps({"dataframe_split": frame}))
    target = Target(
        name="mlflow",
        port=port,
        path="/invocations",
        bodies=bodies,
        process=process,
        headers={},
    )
    return [target]


def mlserver(bench: Bench) -> list[Target]:
    """Start MLServer with the same booster and its default settings.

    It is measured with named values, as all servers are, and with one tensor per row. The
    tensor is another payload, but the one with which MLServer is fastest.
    """
    binaries = environment(
        "mlserver",
        "mlserver==1.7.1",
        "mlserver-xgboost==1.7.1",
        "xgboost==3.2.0",
        "uvloop<0.22",
    )
    folder = bench.folder / "mlserver-model"
    folder.mkdir()
    bench.model.save_model(folder / "booster.json")
    port = free_port()
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "host": "127.0.0.1",
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "bench",
        "implementation": "mlserver_xgboost.XGBoostModel",
        "parameters": {"uri": "./booster.json"},
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    process = bench.start(
        [*PIN, str(binaries / "mlserver"), "start", str(folder)],
        cwd=folder,
        start_new_session=True,
    )
    wait(port, "/v2/models/bench/ready")
    bodies = {
        "mlserver": [_named_values(row) for row in bench.rows],
        "mlserver tensor": [_tensor(row) for row in bench.rows],
    }
    return [
        Target(
            name=name,
            port=port,
            path="/v2/models/bench/infer",
            bodies=rows,
            process=process,
            headers={},
        )
        for name, rows in bodies.items()
    ]


def _named_values(row: dict[str, float]) -> str:
    """Return a request to MLServer with an input per feature."""
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP32", "data": [value]}
        for name, value in row.items()
    ]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


def _tensor(row: dict[str, float]) -> str:
    """Return a request to MLServer with one input for all features."""
    tensor = {
        "name": "row",
        "shape": [1, len(row)],
        "datatype": "FP32",
        "data": list(row.values()),
    }
    return json.dumps({"inputs": [tensor]})
