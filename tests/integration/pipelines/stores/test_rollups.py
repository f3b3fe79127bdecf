"""The watermark up to which the log is counted."""

from dataclasses import replace

import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.steps import perform


def rolled(wired: Context) -> dict[str, int]:
    again = replace(wired)  # a context of its own, as a step's process has
    return dict(perform("roll_up", again))


def test_a_database_restored_from_a_dump_is_noticed(wired: Context) -> None:
    rolled(wired)
    wired.connection.execute("UPDATE rollup_watermarks SET logged_xid = '999999999999'")
    with pytest.raises(EvidenceError, match="restored from a dump"):
        rolled(wired)
