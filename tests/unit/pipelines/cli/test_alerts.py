"""`sixgate alerts`: list and acknowledge, and the spellings without a verb."""

import getpass
import json

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import EvidenceError, SixgateError
from pipelines.exit_codes import OK
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection


@pytest.fixture
def alert_id(database: Connection) -> str:
    """The number of an open alert."""
    alert = AlertStore(database).raise_(
        "fraud", cause="feature_drift", severity="SEVERE", message="13 features drifted"
    )
    return str(alert.id)


def run(*arguments: str) -> str:
    """The output on stdout of a command that must succeed, without a warning."""
    done = CliRunner().invoke(app.app, ["alerts", *arguments])
    assert done.exit_code == OK, done.output
    assert done.stderr == ""
    return done.stdout


def test_list_shows_alerts_and_no_verb_does_the_same(alert_id: str) -> None:
    shown = run("list")
    assert "13 features drifted" in shown
    assert run() == shown
    (alert,) = json.loads(run("--json"))
    assert (alert["id"], alert["state"]) == (int(alert_id), "OPEN")


def test_no_alert_is_said(database: Connection) -> None:
    assert run("list") == "fraud had no alert yet\n"
    assert json.loads(run("list", "--json")) == []


def test_acknowledge_stores_the_person_and_the_comment(alert_id: str) -> None:
    (alert,) = json.loads(run("acknowledge", alert_id, "--comment", "a campaign", "--json"))
    assert (alert["state"], alert["acknowledged_by"], alert["comment"]) == (
        "ACKNOWLEDGED",
        getpass.getuser(),
        "a campaign",
    )
    assert "a campaign" in run("list")


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(["--acknowledge", "{id}", "--comment", "on it"], id="with an option"),
        pytest.param(["--comment", "on it", "acknowledge", "{id}"], id="an option before the verb"),
    ],
)
def test_the_old_spellings_of_acknowledge_work_and_name_the_new_one(
    spelling: list[str], alert_id: str
) -> None:
    old = [word.format(id=alert_id) for word in spelling]
    done = CliRunner().invoke(app.app, ["alerts", *old, "--json"])
    assert done.exit_code == OK, done.output
    (alert,) = json.loads(done.stdout)
    assert (alert["state"], alert["comment"]) == ("ACKNOWLEDGED", "on it")
    (warning,) = done.stderr.splitlines()
    assert f"write `sixgate alerts acknowledge {alert_id}`" in warning


def test_an_alert_that_is_not_open_is_refused_with_the_open_ones(alert_id: str) -> None:
    for number in (10**6, 10**30):
        done = CliRunner().invoke(app.app, ["alerts", "acknowledge", str(number)])
        assert isinstance(done.exception, EvidenceError)
        assert f"has no open alert {number}; open alerts: {alert_id}" in str(done.exception)


def test_what_is_no_old_spelling_is_refused_with_the_new_ones() -> None:
    done = CliRunner().invoke(app.app, ["alerts", "7"])
    assert isinstance(done.exception, SixgateError)
    assert "write `alerts list` or `alerts acknowledge ID`" in str(done.exception)
