"""Environment variables that libraries read when they are imported.

Importing Sixgate sets none of them. Programs call `apply` before they import a library.
"""

import os

NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
ONE_LINE_PER_RUN = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
# How many rounds a thread of GNU OpenMP waits awake for the others. Training has thousands of short
# parallel sections. When other processes use the cores, waiting awake (by default 300,000 rounds)
# keeps the awaited thread from running: beside ten busy processes per core, a fit of 0.2 s took
# 70 s, and 2 s with this value. On free cores the time is the same.
SHORT_SPIN = {"GOMP_SPINCOUNT": "1000"}


def apply() -> None:
    """Set the variables that are not set in this process; for the `main` of a program only."""
    for name, value in (NO_TELEMETRY | ONE_LINE_PER_RUN | SHORT_SPIN).items():
        os.environ.setdefault(name, value)
