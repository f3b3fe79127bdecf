"""A prediction is always in the journal or in the log, and its use case has to match."""

from __future__ import annotations

from uuid import UUID

import pytest

from pipelines.errors import UnknownPrediction
from pipelines.stores.database import connect
from serving.journal.lookup import find
from serving.journal.prediction_ids import now_ms, uuid7
from tests.unit.serving import made


@pytest.fixture
def connection(settings):
    with connect(settings, autocommit=True) as connection:
        yield connection


@pytest.fixture
def prediction_id(client):
    return UUID(client.predict(made.row(amount=7)).json()["prediction_id"])


def test_a_prediction_is_found_in_the_journal_and_then_in_the_log(
    service, connection, prediction_id, ship
):
    in_journal = find(connection, service.journal, "fraud", prediction_id)
    ship()
    in_log = find(connection, service.journal, "fraud", prediction_id)
    assert (in_journal[1], in_log[1]) == (False, True)
    assert in_journal[0] == in_log[0]


def test_the_journal_is_searched_before_the_log_so_that_shipping_hides_nothing(
    service, connection, prediction_id, ship, monkeypatch
):
    search = service.journal.find

    def shipped_meanwhile(*arguments):
        """The prediction is shipped after the journal was searched for it."""
        found = search(*arguments)
        ship()
        return found

    monkeypatch.setattr(service.journal, "find", shipped_meanwhile)
    prediction, _ = find(connection, service.journal, "fraud", prediction_id)
    assert prediction.prediction_id == prediction_id


@pytest.mark.parametrize("logged", [False, True], ids=["in the journal", "in the log"])
def test_a_prediction_of_another_use_case_is_unknown(
    service, connection, prediction_id, ship, logged
):
    if logged:
        ship()
    with pytest.raises(UnknownPrediction, match=f"no prediction {prediction_id} of loans"):
        find(connection, service.journal, "loans", prediction_id)


@pytest.mark.parametrize(
    ("prediction_id", "message"),
    [
        pytest.param(UUID(uuid7(now_ms())[0]), "may not be shipped yet", id="a recent id"),
        pytest.param(UUID(int=1), "use a prediction_id returned by", id="an id of version 0"),
        pytest.param(
            UUID(int=(2**48 - 1) << 80 | 7 << 76 | 0b10 << 62),
            "use a prediction_id returned by",
            id="an id after the year 9999",
        ),
    ],
)
def test_an_unknown_id_is_named_with_what_to_do(service, connection, prediction_id, message):
    with pytest.raises(UnknownPrediction, match=message):
        find(connection, service.journal, "fraud", prediction_id)
