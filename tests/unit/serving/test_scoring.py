"""Rows that arrive together are scored and journaled together, and answered once they are safe."""

from __future__ import annotations

import asyncio
import math
import os
from datetime import UTC, datetime

import pytest

from pipelines.errors import DataError, JournalFull
from serving.journal.journal import Journal, JournalLine
from serving.model.served_model import ServedModel, load
from serving.scoring import LARGE, settle
from serving.wire.schemas import PredictionOut
from tests.unit.serving import made


def test_rows_that_arrive_together_are_scored_and_journaled_together(service, client, monkeypatch):
    line_sizes = []
    append = Journal.append

    def counted(self, line):
        line_sizes.append(len(line.rows))
        append(self, line)

    monkeypatch.setattr(Journal, "append", counted)
    answers = client.predict_together(*made.rows(20))
    predictions = [answer.json() for answer in answers]
    transaction_ids = [prediction["transaction_id"] for prediction in predictions]
    assert transaction_ids == [str(number) for number in range(20)]
    scores = [prediction["score"] for prediction in predictions]
    assert scores == sorted(scores)
    assert sum(line_sizes) == 20
    assert len(line_sizes) < 5
    prediction_ids = {prediction["prediction_id"] for prediction in predictions}
    assert prediction_ids == set(made.journaled_ids(service.journal))


def test_one_bad_row_among_those_that_arrive_together_is_refused_alone(
    service, client, monkeypatch
):
    score = ServedModel.score

    def nan_for_seven(self, features):
        scores = score(self, features)
        amounts = features[:, 0]
        return [
            math.nan if amount == 7 else value
            for amount, value in zip(amounts, scores, strict=True)
        ]

    monkeypatch.setattr(ServedModel, "score", nan_for_seven)
    rows = [made.row(amount=amount) for amount in (1, 7, 2)]
    answers = client.predict_together(*rows)
    assert [answer.status_code for answer in answers] == [200, 422, 200]
    assert len(made.journaled(service.journal)) == 2


def test_with_always_an_answer_waits_for_the_disk(make_service, monkeypatch):
    client = made.Client(make_service(journal_sync="always"))
    synced = []
    fsync = os.fsync

    def counted(file):
        synced.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)
    answers = client.predict_together(*made.rows(3))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 200]
    assert 1 <= len(synced) <= 4


def test_with_always_a_disk_that_fails_answers_503_until_a_sync_succeeds(make_service, monkeypatch):
    service = make_service(journal_sync="always")
    client = made.Client(service)
    row = made.row()
    client.predict(row)
    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(os, "fsync", _broken)
        refused = client.predict(row)
        assert refused.status_code == 503
        assert "check its disk" in refused.json()["detail"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        with pytest.raises(JournalFull):
            service.journal.append(_empty_line())
    service.journal.sync()
    answer = client.predict(row)
    assert answer.status_code == 200


def _empty_line() -> JournalLine:
    return JournalLine(
        scored_at=datetime.now(UTC),
        use_case="fraud",
        model_version=1,
        contract_hash="hash",
        threshold=0.5,
        replica="replica",
        rows=[],
    )


def _broken(file: int) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("count", [LARGE - 1, LARGE])
def test_a_batch_is_refused_as_a_whole_when_one_row_has_no_finite_score(
    service, client, monkeypatch, count
):
    score = ServedModel.score
    monkeypatch.setattr(
        ServedModel, "score", lambda self, features: [*score(self, features)[:-1], math.inf]
    )
    answer = client.post("/v1/fraud/predict/batch", json={"rows": made.rows(count)})
    assert answer.status_code == 422
    assert "outside the range of its training data" in answer.json()["detail"]
    assert made.journaled(service.journal) == []


def test_an_error_of_the_model_reaches_every_row_that_waited_for_it(service, client, monkeypatch):
    def broken(self, features):
        raise RuntimeError("so")

    monkeypatch.setattr(ServedModel, "score", broken)
    answers = client.predict_together(*made.rows(3))
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert made.journaled(service.journal) == []
    monkeypatch.undo()
    assert client.predict(made.row()).status_code == 200


def test_a_row_that_can_not_be_read_is_refused_alone(client):
    answers = client.predict_together(made.row(), {"amount": 1}, made.row())
    assert [answer.status_code for answer in answers] == [200, 422, 200]


def test_a_model_that_is_replaced_scores_the_next_row(service, client):
    (scorer,) = service.scorers
    files = made.files(bias=9)
    assert client.predict(made.row()).json()["model_version"] == 1
    scorer.model = load(files, made.served(files, 2), made.FRAUD)
    answer = client.predict(made.row()).json()
    assert answer["model_version"] == 2
    assert answer["score"] > 0.99
    first, second = made.journaled(service.journal)
    assert (first.model_version, second.model_version) == (1, 2)


def test_a_request_that_was_cancelled_is_left_out_when_others_are_settled():
    async def scenario():
        loop = asyncio.get_running_loop()
        waiting = [loop.create_future() for _ in range(3)]
        waiting[1].cancel()
        prediction = PredictionOut("t", "p", 0.1, 0, 0.5, "low", 1)
        settle(waiting, [prediction, prediction, None])
        assert b'"transaction_id":"t"' in await waiting[0]
        with pytest.raises(DataError, match="no score"):
            await waiting[2]

    asyncio.run(scenario())


def test_the_event_time_and_entity_of_a_row_are_journaled_as_they_were_sent(service, client):
    row = made.row(event_time="2026-01-05T08:00:00+02:00", customer_id="c-7")
    assert client.predict(row).status_code == 200
    (prediction,) = made.journaled(service.journal)
    assert prediction.event_time == datetime(2026, 1, 5, 6, tzinfo=UTC)
    assert prediction.entity_key == "c-7"
    assert prediction.scored_at > prediction.event_time
