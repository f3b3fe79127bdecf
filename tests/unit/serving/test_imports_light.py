"""The server starts without anything that only training needs."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    "pandas",
    "sklearn",
    "xgboost",
    "mlflow",
    "airflow",
    "sqlalchemy",
    "adbc_driver_postgresql",
    "pyarrow",
    "onnx",
)


def test_the_server_imports_no_training_library():
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, serving.__main__; print(json.dumps(sorted(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(HEAVY) & set(json.loads(found.stdout))
