"""`sixgate ledger`: promotions and rollbacks as a table or as JSON."""

import json
from uuid import uuid4

from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import UseCaseError
from pipelines.exit_codes import OK
from pipelines.stores.database import Connection
from pipelines.stores.ledger import Ledger


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app.app, ["ledger", *arguments])
    assert done.exit_code == OK, done.output
    return done.stdout


def test_the_ledger_has_every_state_newest_first(database: Connection) -> None:
    entry = {
        "promotion_id": uuid4(),
        "use_case": "fraud",
        "from_version": None,
        "from_digest": None,
        "to_version": 1,
        "to_digest": "a" * 64,
        "action": "PROMOTE",
        "actor": "ann",
        "reason": "6 of 6 gates passed",
        "decision_id": None,
        "evidence_hash": None,
    }
    for state in ("INTENDED", "DONE"):
        Ledger(database).write(state, **entry)
    listed = json.loads(run("--json"))
    assert [each["state"] for each in listed] == ["DONE", "INTENDED"]
    assert json.loads(run("--limit", "1", "--json")) == listed[:1]
    shown = run()
    assert "6 of 6 gates passed" in shown
    assert "a" * 12 in shown


def test_an_empty_ledger_is_said(database: Connection) -> None:
    assert run() == "nothing was promoted in fraud yet\n"


def test_a_path_is_no_use_case() -> None:
    done = CliRunner().invoke(app.app, ["ledger", "-u", "../fraud"])
    assert isinstance(done.exception, UseCaseError)
    assert "there is no use case '../fraud'" in str(done.exception)
