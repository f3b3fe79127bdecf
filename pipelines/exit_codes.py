"""The exit codes of `sixgate`; Airflow's tasks retry, fail or skip by those of `sixgate step`.

The serving trial, a process that a step starts, has a code of its own.
"""

from typing import Final

OK: Final = 0
FAILED: Final = 1  # a retry may help; also: `status` found problems, `replay` found differences
REFUSED: Final = 2  # the message gives the remedy, and a retry does not help
SKIPPED: Final = 99  # a step had nothing to do; its result gives the reason
TOO_MANY_REFUSED: Final = 4  # `ingest` or `score` refused more rows than the policy allows
TRIAL_REJECTED: Final = 3  # the model or a request; another code is a failure of the trial itself
