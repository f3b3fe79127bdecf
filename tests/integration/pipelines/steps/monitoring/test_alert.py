"""Which alerts a drift check opens."""

import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError
from tests.integration.drift_checks import CHECK, HOUR, THIS_HOUR, figures, run
from tests.integration.logged import NOW, Log, rewrite


@pytest.mark.parametrize("n", [0, 1])
def test_an_empty_window_and_one_row_say_nothing_and_fail_nothing(wired: Context, n: int) -> None:
    if n:
        Log(wired).ship(n, NOW)
    assert run(wired, "check", *CHECK) == {"alerts": {}}
    assert figures(wired, "check")["drift_share", "", 0].n == n
    assert figures(wired, "check")["drift_share", "", 0].value is None


def test_answers_from_the_future_are_told_and_left_for_their_time(wired: Context) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR)
    log.ship(250, NOW + 30 * HOUR)
    found = run(wired, "check", *CHECK)
    assert found["alerts"]["data_quality"] == "WARNING"
    assert figures(wired, "check")["drift_share", "", 0].n == 300
    (alert,) = [alert for alert in wired.alerts.open("fraud") if alert.cause == "data_quality"]
    assert "250 predictions have a time in the future" in alert.message


def test_features_that_are_all_missing_or_constant_drift_with_their_reason(wired: Context) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR)
    wired.connection.execute("UPDATE prediction_logs SET features[1] = NULL, features[4] = 2")
    run(wired, "check", *CHECK)
    found = figures(wired, "check")
    assert found["missing", "amount", 0].value == 1.0
    assert found["wasserstein", "amount", 0].value is None
    assert found["drifted", "customer_count_1d", 0].value == 1.0
    (alert,) = [alert for alert in wired.alerts.open("fraud") if alert.cause == "data_quality"]
    assert "missing values: amount 100.0% of 300 predictions" in alert.message


def post(wired: Context, log: Log, names: list[str]) -> None:
    """Labels that were received two days ago."""
    log.label(names, 1)
    rewrite(wired.connection, "UPDATE label_store SET received_at = now() - interval '2 days'")


def test_labels_without_predictions_open_an_alert_that_says_how_the_ids_differ(
    wired: Context,
) -> None:
    log = Log(wired)
    log.ship(10, NOW - 72 * HOUR)
    post(wired, log, [f"T-{number}" for number in range(10)])
    assert run(wired, "check", *CHECK)["alerts"] == {"label_quality": "WARNING"}
    (alert,) = wired.alerts.open("fraud")
    assert "10 of the newest 10 labels match no prediction after a day" in alert.message
    assert "'T-9' (a prediction has 't-9': they differ in case)" in alert.message
    assert figures(wired, "check")["unmatched_share", "", 0].value == 1.0
    post(wired, log, log.ship(400, NOW - 71 * HOUR))
    assert run(wired, "later", *CHECK, as_of=NOW)["alerts"] == {}
    assert wired.alerts.open("fraud") == []


def test_refused_values_open_an_alert_and_good_traffic_resolves_it(wired: Context) -> None:
    wired.quality.add("fraud", NOW, {("amount", "refused"): 500})
    assert run(wired, "check", *CHECK)["alerts"] == {"data_quality": "WARNING"}
    (alert,) = wired.alerts.open("fraud")
    assert "refused values: amount 100.0%" in alert.message
    assert figures(wired, "check")["refused_share", "amount", 0].n == 500
    rewrite(wired.connection, "DELETE FROM quality_counts")
    run(wired, "empty", *CHECK)
    assert wired.alerts.open("fraud"), "no traffic is no proof that it ended"


def test_a_transaction_that_is_repeated_too_often_is_told(wired: Context) -> None:
    log = Log(wired)
    names = log.ship(300, THIS_HOUR)
    log.ship(300, THIS_HOUR, names=names)
    run(wired, "check", *CHECK)
    (alert,) = [alert for alert in wired.alerts.open("fraud") if alert.cause == "data_quality"]
    assert "50.0% of 600 predictions repeat a transaction id" in alert.message


def test_no_figures_are_no_alert_but_an_error(wired: Context) -> None:
    for step in ("alert", "report"):
        with pytest.raises(EvidenceError, match="run its measure step first"):
            run(wired, "nobody", step)
