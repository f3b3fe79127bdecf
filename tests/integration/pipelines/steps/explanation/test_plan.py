"""Which predictions are explained, and in which order."""

import psycopg
import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.settings import Settings
from tests.integration.explained import ALL, Logged, Run, day, kept


def test_the_policy_picks_flagged_ones_and_a_share_and_what_was_asked_for_comes_first(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    ids = log.ship(4000)
    rows = wired.connection.execute(
        "SELECT prediction_id FROM prediction_logs WHERE predicted_label = 1"
    ).fetchall()
    flagged = {row["prediction_id"] for row in rows}
    prediction = wired.predictions.get("fraud", next(each for each in ids if each not in flagged))
    wired.explanations.request(prediction, select="flagged", sample=0.0)
    chunks = run("plan", changed={"limit": 1001, "chunk": 500})
    assert [chunk["chunk"] for chunk in chunks] == ["r/asked/1/0", "r/picked/1/0", "r/picked/1/1"]
    planned = kept(wired)
    assert planned[prediction.prediction_id]["chunk"] == "r/asked/1/0"
    assert all(planned[each]["share"] == 1 for each in flagged)
    sampled = [row for row in planned.values() if row["share"] == 0.25]
    assert len(sampled) == pytest.approx(0.25 * (4000 - len(flagged)), rel=0.2)
    assert wired.explanations.waiting("fraud") == len(planned) > 1001

    for chunk in chunks:
        run("explain", **chunk)
    assert wired.explanations.waiting("fraud") == len(planned) - 1001
    before = len(planned)
    for chunk in run("plan", "rest"):
        run("explain", "rest", **chunk)
    with pytest.raises(StepSkipped, match="is explained"):
        run("plan", "nothing")
    assert len(kept(wired)) == before


def test_a_prediction_that_is_logged_late_is_picked_and_none_is_picked_twice(
    wired: Context, run: Run, log: Logged, settings: Settings
) -> None:  # fmt: skip
    with psycopg.connect(settings.database_url, autocommit=True) as slow:
        with slow.transaction():
            late = log.ship(50, connection=slow)
            log.ship(100, seed=6)
            with pytest.raises(StepSkipped):
                run("plan", changed=ALL)
        assert len(run("plan", changed=ALL)) == 1
    assert len(kept(wired)) == 150
    assert set(late) <= set(kept(wired))
    wired.connection.execute("DELETE FROM explanations")
    with pytest.raises(StepSkipped):
        run("plan", changed=ALL)
    assert len(run("plan", select="all")) == 1, "a run with the param looks at all again"
    assert len(kept(wired)) == 150


def test_a_run_that_looks_at_all_again_takes_nothing_from_the_policy_and_is_not_summed_up(
    wired: Context, run: Run, log: Logged
) -> None:  # fmt: skip
    log.ship(1000)
    for chunk in run("plan"):
        run("explain", **chunk)
    _, before = wired.explanations.attributions("fraud", *day())[1]
    wired.connection.execute("UPDATE explanations SET status = 'FAILED', attempts = 3 WHERE prediction_id IN"
                             " (SELECT prediction_id FROM explanations LIMIT 7)")  # fmt: skip
    new = log.ship(500, seed=8)
    for number, chunk in enumerate(run("plan", "all", select="all")):
        assert run("explain", f"all-{number}", **chunk)["failed"] == 0
    found = kept(wired)
    assert len(found) == 1500
    assert {row["status"] for row in found.values()} == {"COMPLETED"}
    picked = sum(found[each]["share"] is not None for each in new)
    assert picked > 100, "what was new is picked by the policy all the same"
    _, after = wired.explanations.attributions("fraud", *day())[1]
    assert after.n == before.n + picked + 7
    assert after.w == pytest.approx(1500, rel=0.25)
