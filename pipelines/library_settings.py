"""Environment variables that libraries read when they are imported.

Importing Sixgate sets none of them. Programs call `apply` before they import a library.
"""

import os

NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
ONE_LINE_PER_RUN = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


def apply() -> None:
    """Set the variables that are not set in this process; for the `main` of a program only."""
    for name, value in (NO_TELEMETRY | ONE_LINE_PER_RUN).items():
        os.environ.setdefault(name, value)
