"""The exit codes are part of the contract with Airflow and with scripts."""

import re

from pipelines import exit_codes
from pipelines.settings import ROOT

CODES = {
    "OK": 0,
    "FAILED": 1,
    "REFUSED": 2,
    "SKIPPED": 99,
    "TOO_MANY_REFUSED": 4,
    "TRIAL_REJECTED": 3,
}


def test_the_codes_never_change() -> None:
    named = {name: getattr(exit_codes, name) for name in vars(exit_codes) if name.isupper()}
    assert named == CODES


def test_no_other_module_writes_the_code_of_a_skipped_step_as_a_number() -> None:
    sources = [
        *(ROOT / "pipelines").rglob("*.py"),
        *(ROOT / "plugins").rglob("*.py"),
        *(ROOT / "stack").rglob("*.py"),
    ]
    writing = [
        file.name for file in sources if re.search(r"(=|==|\() ?99\b(?!\.)", file.read_text())
    ]
    assert writing == ["exit_codes.py"]
