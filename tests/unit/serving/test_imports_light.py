"""The server starts without the libraries that only training needs."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "pandas",
    "sklearn",
    "xgboost",
    "mlflow",
    "airflow",
    "sqlalchemy",
    "adbc_driver_postgresql",
    "pyarrow",
    "onnx",
}
CODE = "import json, sys, serving.__main__; print(json.dumps(sorted(sys.modules)))"


def test_the_server_imports_no_training_library():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(json.loads(done.stdout))
    assert not HEAVY & imported
