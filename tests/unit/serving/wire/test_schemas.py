"""The types of the API: what a client may send, and what it gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from serving.wire.schemas import (
    MAX_LABELS,
    ExplanationOut,
    LabelsIn,
    LiveAlert,
    LiveHello,
    LiveMissed,
    LiveReload,
    ProblemOut,
    contributions,
)
from tests.unit.serving import made

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ID = UUID(int=7)


def as_json(message):
    return json.loads(msgspec.json.encode(message))


def labels(*entries):
    return json.dumps({"labels": entries}).encode()


def decoded(body):
    return msgspec.json.decode(body, type=LabelsIn).labels


def test_a_label_needs_a_transaction_and_a_class_and_may_have_a_time():
    (label,) = decoded(labels({"transaction_id": "t", "label": 1}))
    assert (label.transaction_id, label.label, label.labelled_at) == ("t", 1, None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(labels(), id="no label"),
        pytest.param(labels({"transaction_id": "t"}), id="a label without its class"),
        pytest.param(labels({"transaction_id": "t", "label": 2}), id="a third class"),
        pytest.param(labels({"transaction_id": "", "label": 0}), id="an empty id"),
        pytest.param(labels({"transaction_id": "t", "label": 0, "at": 1}), id="an unknown member"),
        pytest.param(
            labels(*[{"transaction_id": "t", "label": 0}] * (MAX_LABELS + 1)),
            id="a label too many",
        ),
    ],
)
def test_labels_that_break_a_rule_are_refused(body):
    with pytest.raises(msgspec.ValidationError):
        decoded(body)


def test_as_many_labels_as_the_limit_allows_are_accepted():
    assert len(decoded(labels(*[{"transaction_id": "t", "label": 0}] * MAX_LABELS))) == MAX_LABELS


def test_contributions_are_joined_with_their_features_the_largest_first():
    size = len(made.FRAUD.columns)
    values = [0.0] * size
    values[2] = -3.0
    values[0] = 1.0
    joined = contributions(
        contract=made.FRAUD,
        contract_hash=made.FRAUD.hash,
        features=[0.0] * size,
        values=values,
    )
    assert [part.contribution for part in joined[:2]] == [-3.0, 1.0]
    assert [part.feature for part in joined[:2]] == [made.FRAUD.columns[2], made.FRAUD.columns[0]]
    assert len(joined) == size
    assert all(part.reason and part.description for part in joined)


def test_features_of_another_contract_are_named_by_their_position():
    joined = contributions(
        contract=made.FRAUD, contract_hash="another", features=[5.0, 6.0], values=[0.1, -0.2]
    )
    assert [(part.feature, part.value) for part in joined] == [("1", 6.0), ("0", 5.0)]


def test_a_pending_explanation_has_no_members_that_are_not_known_yet():
    assert as_json(ExplanationOut(ID, "PENDING")) == {"prediction_id": str(ID), "status": "PENDING"}


def test_a_problem_without_a_rule_has_no_members_of_one():
    problem = ProblemOut(type="about:blank", title="Not Found", status=404, detail="x")
    assert set(as_json(problem)) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        (LiveHello(use_case="fraud", replica="r", model_version=None, sample=0.1), "hello"),
        (LiveReload(model_version=2, former_version=None, at=NOW), "reload"),
        (LiveAlert(id=1, cause="c", severity="ALERT", state="OPEN", message="m", at=NOW), "alert"),
        (LiveMissed(3), "missed"),
    ],
)
def test_a_message_of_the_live_feed_names_its_type(message, type_):
    assert as_json(message)["type"] == type_
