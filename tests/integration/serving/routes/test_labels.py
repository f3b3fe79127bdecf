"""`/labels`: a repeated label is a duplicate, and a changed one a correction."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from serving.wire.schemas import MAX_LABELS
from tests.integration.server import one

PATH = "/v1/fraud/labels"
CURRENT = "SELECT label FROM current_labels WHERE transaction_id = %s"


@pytest.fixture
def post(client):
    """Post labels (transaction id, label), and return the receipt."""

    def post(*labels):
        rows = [{"transaction_id": name, "label": label} for name, label in labels]
        answer = client.post(PATH, json={"labels": rows})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return post


def receipt(accepted=0, corrected=0, duplicate=0):
    return {"accepted": accepted, "corrected": corrected, "duplicate": duplicate}


def test_labels_are_accepted_once_and_corrections_are_kept(post, database):
    one_id, two, three = (uuid4().hex for _ in range(3))
    first = [(one_id, 1), (two, 0), (three, 0)]
    assert post(*first) == receipt(accepted=3)
    assert post(*first) == receipt(duplicate=3)
    assert post((two, 1), (three, 0)) == receipt(corrected=1, duplicate=1)
    assert one(database, CURRENT, two) == 1
    history = "SELECT count(*) FROM label_store WHERE transaction_id = ANY(%s)"
    assert one(database, history, [one_id, two, three]) == 4


def test_of_labels_of_one_transaction_in_one_request_the_last_one_counts(post, database):
    name = uuid4().hex
    labels = [(name, 0), (name, 1), (name, 1), (name, 0)]
    assert post(*labels) == receipt(accepted=1, corrected=2, duplicate=1)
    assert one(database, CURRENT, name) == 0


def test_a_label_is_stored_with_the_key_that_sent_it(service, client, database):
    file = service.settings.home / "api_keys.json"
    write(file, [ApiKey("bank", hashed("bank"), frozenset({"label"}))])
    service.keys = ApiKeys(file)
    name = uuid4().hex
    labels = [{"transaction_id": name, "label": 1}]
    assert client.post(PATH, json={"labels": labels}, key="bank").status_code == 200
    source = "SELECT source FROM label_store WHERE transaction_id = %s"
    assert one(database, source, name) == "api:bank"


def test_a_label_has_the_time_that_was_sent_or_else_that_of_its_arrival(client, database):
    sent, unsent = uuid4().hex, uuid4().hex
    labels = [
        {"transaction_id": sent, "label": 1, "labelled_at": "2026-01-05T08:00:00+02:00"},
        {"transaction_id": unsent, "label": 1},
    ]
    before = datetime.now(UTC)
    assert client.post(PATH, json={"labels": labels}).status_code == 200
    labelled_at = "SELECT labelled_at FROM label_store WHERE transaction_id = %s"
    assert one(database, labelled_at, sent) == datetime(2026, 1, 5, 6, tzinfo=UTC)
    assert before <= one(database, labelled_at, unsent) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("labels", "field", "row"),
    [
        pytest.param([], "labels", None, id="no label"),
        pytest.param([{"transaction_id": "t", "label": 2}], "label", None, id="a third class"),
        pytest.param(
            [
                {"transaction_id": "good", "label": 1},
                {"transaction_id": "t", "label": 1, "labelled_at": "2026-02-30T08:00:00"},
            ],
            "labelled_at",
            1,
            id="a day that does not exist, in the second label",
        ),
        pytest.param(
            [{"transaction_id": "t", "label": 1}] * (MAX_LABELS + 1), "labels", None, id="too many"
        ),
    ],
)
def test_labels_that_break_a_rule_are_refused_and_none_is_stored(
    client, database, labels, field, row
):
    before = one(database, "SELECT count(*) FROM label_store")
    answer = client.post(PATH, json={"labels": labels})
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    if row is not None:
        assert answer.json()["row"] == row
    assert one(database, "SELECT count(*) FROM label_store") == before
