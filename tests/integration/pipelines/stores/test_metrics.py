"""The metrics of drift checks: a repeated check replaces its own, and old ones are thinned."""

from pipelines.context import Context
from tests.integration.drift_checks import (
    CHECK,
    DAY,
    FIVE_MINUTES,
    THIS_HOUR,
    odd_traffic,
    run,
    state,
    whole_dag,
)
from tests.integration.logged import Log


def test_a_repeated_check_writes_the_same_and_old_checks_are_thinned(wired: Context) -> None:
    Log(wired).ship(300, THIS_HOUR)
    run(wired, "one", *CHECK)
    before = wired.metrics.of_check("fraud", "one")
    run(wired, "one", "measure")
    assert wired.metrics.of_check("fraud", "one") == before
    run(wired, "two", "measure")
    wired.connection.execute(
        "UPDATE monitoring_metrics SET at = at - interval '9 days' - (check_id = 'one')::int * interval '1s'"
    )
    wired.connection.execute("UPDATE monitoring_alerts SET check_id = 'two'")
    thinned = wired.connection.execute("SELECT thin_metrics(CURRENT_DATE) AS n").fetchone()
    assert thinned == {"n": len(before)}
    assert not wired.metrics.of_check("fraud", "one")
    assert len(wired.metrics.of_check("fraud", "two")) == len(before)


def test_a_backfill_after_thinning_adds_figures_and_history_stays(wired: Context) -> None:
    odd_traffic(wired, hours=8, until=THIS_HOUR - 3 * DAY)
    old = [THIS_HOUR - 3 * DAY + minutes * FIVE_MINUTES for minutes in range(3)]
    for number, as_of in enumerate(old):
        run(wired, f"scheduled {number}", *CHECK, as_of=as_of)
    Log(wired).ship(300, THIS_HOUR)
    run(wired, "now", *CHECK)
    wired.connection.execute("SELECT thin_metrics(CURRENT_DATE)")
    assert not wired.metrics.of_check("fraud", "scheduled 1"), "one check of each window is left"
    before = state(wired)
    for number, as_of in enumerate(old):
        whole_dag(wired, f"backfill {number}", as_of)
    assert state(wired) == before
    wired.connection.execute("SELECT thin_metrics(CURRENT_DATE)")
    assert state(wired) == before
