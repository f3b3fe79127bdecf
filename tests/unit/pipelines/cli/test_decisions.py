"""`sixgate decisions`: list, show and replay, and the spellings without a verb."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import EvidenceError, SixgateError, UseCaseError
from pipelines.exit_codes import OK, REFUSED
from pipelines.stores.database import Connection
from pipelines.stores.decisions import DecisionStore

GATE = {
    "name": "recall",
    "outcome": "FAIL",
    "observed": 0.3,
    "threshold": 0.4,
    "low": 0.2,
    "high": 0.5,
    "reason": "finds 3 of 10 positives, 30.0%",
}


@pytest.fixture
def ids(database: Connection) -> list[int]:
    """Two decisions: the first is REJECTED by a gate, the second was SKIPPED."""
    store = DecisionStore(database)
    made = []
    for run_id in ("first", "second"):
        decision = store.open(
            "fraud",
            run_id,
            trigger="MANUAL",
            requested_by="ann",
            reason="a test",
            params={},
            as_of=datetime(2026, 6, 1, tzinfo=UTC),
            policy={},
            git_sha=None,
        )
        made.append(decision.id)
    store.decide("fraud", "first", verdict="REJECTED", reason="recall is too low", gates=[GATE])
    store.decide("fraud", "second", verdict="SKIPPED", reason="cooldown")
    return made


def run(*arguments: str) -> str:
    """The output on stdout of a command that must succeed, without a warning."""
    done = CliRunner().invoke(app.app, ["decisions", *arguments])
    assert done.exit_code == OK, done.output
    assert done.stderr == ""
    return done.stdout


def test_list_shows_the_newest_last_and_as_json_first(ids: list[int]) -> None:
    shown = run("list")
    assert shown.index(f"decision {ids[0]} ") < shown.index(f"decision {ids[1]} ")
    listed = json.loads(run("list", "--json"))
    assert [decision["id"] for decision in listed] == [ids[1], ids[0]]
    assert json.loads(run("list", "--limit", "1", "--json"))[0]["id"] == ids[1]


def test_without_a_verb_it_is_list(ids: list[int]) -> None:
    assert run() == run("list")
    assert run("--limit", "1", "--json") == run("list", "--limit", "1", "--json")
    assert run("-u", "fraud") == run("list", "-u", "fraud")


def test_show_has_each_gate_and_the_verdict(ids: list[int]) -> None:
    shown = run("show", str(ids[0]))
    assert "finds 3 of 10 positives" in shown
    assert "verdict: REJECTED (recall is too low)" in shown
    assert f"decision {ids[1]} " not in shown
    (decision,) = json.loads(run("show", str(ids[0]), "--json"))
    assert decision["gates"] == [GATE]


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(["{id}"], id="the number alone"),
        pytest.param(["{id}", "--use-case", "fraud"], id="an option after it"),
        pytest.param(["--use-case", "fraud", "{id}"], id="an option before it"),
    ],
)
def test_the_old_spelling_of_show_works_and_names_the_new_one(
    spelling: list[str], ids: list[int]
) -> None:
    number = str(ids[0])
    old = [word.format(id=number) for word in spelling]
    done = CliRunner().invoke(app.app, ["decisions", *old])
    assert done.exit_code == OK
    assert done.stdout == run("show", number)
    (warning,) = done.stderr.splitlines()
    assert f"`sixgate decisions {number}` is deprecated" in warning
    assert f"write `sixgate decisions show {number}`" in warning


def test_the_old_spelling_prints_the_same_json(ids: list[int]) -> None:
    done = CliRunner().invoke(app.app, ["decisions", str(ids[0]), "--json"])
    assert done.stdout == run("show", str(ids[0]), "--json")


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(["{id}", "--replay"], id="with an option"),
        pytest.param(["--json", "replay", "{id}"], id="an option before the verb"),
    ],
)
def test_the_old_spellings_of_replay_work_and_name_the_new_one(
    spelling: list[str], ids: list[int]
) -> None:
    number = str(ids[1])
    old = [word.format(id=number) for word in spelling]
    done = CliRunner().invoke(app.app, ["decisions", *old])
    assert isinstance(done.exception, EvidenceError), "no gate has judged it: there is no replay"
    assert f"decision {number} was never judged by gates: cooldown" in str(done.exception)
    assert f"write `sixgate decisions replay {number}`" in done.stderr


def test_an_unknown_decision_is_refused_with_the_newest_ones(ids: list[int]) -> None:
    for number in (10**6, 10**30):
        done = CliRunner().invoke(app.app, ["decisions", "show", str(number)])
        assert isinstance(done.exception, EvidenceError)
        assert f"the newest are {ids[1]}, {ids[0]}, see `sixgate decisions list" in str(
            done.exception
        )


def test_no_decision_says_how_to_get_one(database: Connection) -> None:
    assert run() == "fraud has no decision yet: trigger fraud_retraining\n"
    assert json.loads(run("list", "--json")) == []


def test_an_unknown_verb_is_refused_with_the_valid_ones() -> None:
    done = CliRunner().invoke(app.app, ["decisions", "shwo", "7"])
    assert done.exit_code == REFUSED
    assert "show" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["7", "8"], id="two numbers"),
        pytest.param(["--json", "list"], id="an option before a new verb"),
        pytest.param(["--replay"], id="a replay of nothing"),
    ],
)
def test_what_is_no_old_spelling_is_refused_with_the_new_ones(arguments: list[str]) -> None:
    done = CliRunner().invoke(app.app, ["decisions", *arguments])
    assert isinstance(done.exception, SixgateError)
    assert "write `decisions list`, `decisions show ID` or `decisions replay ID`" in str(
        done.exception
    )


def test_an_unknown_use_case_is_refused_with_the_valid_ones() -> None:
    done = CliRunner().invoke(app.app, ["decisions", "list", "-u", "../fraud"])
    assert isinstance(done.exception, UseCaseError)
    assert "there is no use case '../fraud'" in str(done.exception)
    assert "known are fraud" in str(done.exception)
