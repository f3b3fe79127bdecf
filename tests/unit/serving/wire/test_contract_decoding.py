"""A client that keeps to the current contract or to an earlier one is never refused."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.use_case.contract import OTHER, Contract, Feature, LabelColumn
from serving.wire.contract_decoding import LabelDecoders, row_decoder
from serving.wire.problems import Problem
from serving.wire.request_decoding import RequestDecoder
from tests.unit.pipelines.rules.use_case.contracts import contracts


def value(draw: st.DrawFn, feature: Feature) -> Any:
    """A value that the contract accepts."""
    if feature.nullable and draw(st.booleans()):
        return None
    if feature.type == "category":
        return draw(st.sampled_from(feature.values))
    if feature.type == "bool":
        return draw(st.booleans())
    low, high = feature.range or (-100, 100)
    if feature.type == "int":
        return draw(st.integers(math.ceil(low), math.floor(high)))
    return draw(st.floats(low, high))


@st.composite
def requests(draw: st.DrawFn) -> tuple[Contract, Contract, bool, dict[str, Any]]:
    """A former and a new contract, and a row that keeps to one of them."""
    former = draw(contracts())
    new = draw(contracts())
    by_new = draw(st.booleans())
    contract = new if by_new else former
    row = {feature.name: value(draw, feature) for feature in contract.features}
    return former, new, by_new, row


def decoder(new: Contract, *earlier: Contract, taken: Counter[str] | None = None) -> Any:
    return row_decoder(new, earlier, Counter(), Counter() if taken is None else taken)


@given(requests())
def test_a_row_of_either_contract_is_accepted_with_the_features_of_the_current_one(
    request: tuple[Contract, Contract, bool, dict[str, Any]],
) -> None:
    former, new, by_new, row = request
    transaction = decoder(new, former).decode_row(msgspec.json.encode(row))
    raw = np.frombuffer(transaction.raw)
    assert len(raw) == len(new.raw)
    if by_new:
        own = RequestDecoder(new).decode_row(msgspec.json.encode(row))
        assert transaction.raw == own.raw
        return
    for feature, number in zip(new.features, raw, strict=True):
        sent = row.get(feature.name)
        if sent is None:
            assert math.isnan(number)
        elif feature.type == "category" and sent not in feature.values:
            assert math.isnan(number) or feature.values[int(number)] == OTHER
        elif feature.type == "category":
            assert feature.values[int(number)] == sent


@given(requests())
def test_a_batch_of_either_contract_is_accepted(
    request: tuple[Contract, Contract, bool, dict[str, Any]],
) -> None:
    former, new, _, row = request
    body = msgspec.json.encode({"rows": [row, row]})
    first, second = decoder(new, former).decode_batch(body)
    assert first == second


FORMER = Contract(
    use_case="loans",
    title="Loans",
    entity_key="customer_id",
    event_time="event_time",
    transaction_id="transaction_id",
    label=LabelColumn(name="bad", positive="yes", negative="no"),
    features=(Feature(name="amount", type="float", range=(0, 10)),),
    derived=(),
    sources={},
)
NEW = msgspec.structs.replace(
    FORMER,
    features=(*FORMER.features, Feature(name="age", type="int")),
    label=LabelColumn(name="bad", positive=("yes", "bad"), negative=("good",)),
)


def test_a_row_that_no_contract_accepts_is_answered_by_the_current_one() -> None:
    both = decoder(NEW, FORMER)
    with pytest.raises(Problem, match=r"age.*must be a whole number"):
        both.decode_row(b'{"amount": 5, "age": "x"}')
    assert both.counts == {("age", "refused"): 1}


def test_a_row_of_an_earlier_contract_is_counted_and_not_as_refused() -> None:
    taken: Counter[str] = Counter()
    both = decoder(NEW, FORMER, taken=taken)
    both.decode_row(b'{"amount": 10}')
    both.decode_row(b'{"amount": 10, "age": 3}')
    both.decode_batch(b'{"rows": [{"amount": 1}, {"amount": 2}]}')
    assert taken == {FORMER.hash: 3}
    assert both.counts == {}


def test_a_contract_that_has_ended_is_refused() -> None:
    with pytest.raises(Problem, match="age"):
        decoder(NEW).decode_row(b'{"amount": 10}')


def test_labels_of_both_contracts_are_taken() -> None:
    refused: Counter[tuple[str, str]] = Counter()
    labels = LabelDecoders(NEW, [FORMER], refused)
    for word, label in (("yes", 1), ("bad", 1), ("no", 0), ("good", 0)):
        body = msgspec.json.encode({"labels": [{"transaction_id": "t", "label": word}]})
        assert [each.label for each in labels.decode(body)] == [label]
    assert not refused
    with pytest.raises(Problem, match="label"):
        labels.decode(b'{"labels": [{"transaction_id": "t", "label": "perhaps"}]}')
    assert sum(refused.values()) == 1
