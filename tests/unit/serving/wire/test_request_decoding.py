"""What is accepted, and how a refusal names field, value and rule."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UseCaseError
from pipelines.rules.promotion.serving_trial import requests
from pipelines.rules.use_case.contract import Contract, Feature, parse_contract
from pipelines.rules.use_case.derived_features import Deriver
from serving.routes.labels import LABELS_DECODER, RULES
from serving.wire.problems import Problem, refusal
from serving.wire.request_decoding import RequestDecoder, decode, rule

MIXED: Contract = parse_contract(
    {
        "title": "Mixed",
        "entity_key": "person_id",
        "event_time": "event_time",
        "transaction_id": "transaction_id",
        "label": {"name": "bad"},
        "features": {
            "income": {"type": "float", "range": [0, 1000], "nullable": True},
            "debt": {"type": "float"},
            "age": {"type": "int", "range": [18, 99]},
            "children": {"type": "int", "nullable": True},
            "owner": {"type": "bool"},
            "married": {"type": "bool", "nullable": True},
            "job": {"type": "category", "values": ["none", "self", "staff"]},
            "region": {"type": "category", "values": ["north", "south"], "nullable": True},
        },
        "derived": {"load": {"expression": "where(income > 0, debt / income, 0)"}},
    },
    use_case="mixed",
    file="mixed.yaml",
)
DECODER = RequestDecoder(MIXED)
DERIVE = Deriver(MIXED)
GOOD = {"income": 10.5, "debt": 1, "age": 30, "owner": True, "job": "self"}


def body(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_a_row_becomes_numbers_in_the_contracts_order_with_what_is_missing_as_nan():
    raw = np.frombuffer(DECODER.decode_row(body(region="south", income=None)).raw)
    np.testing.assert_array_equal(raw, [math.nan, 1, 30, math.nan, 1, math.nan, 1, 1])


def test_ids_and_time_are_taken_over_when_given():
    row = DECODER.decode_row(
        body(transaction_id="t-1", person_id="p", event_time="2026-01-05T10:00:00+02:00")
    )
    assert (row.transaction_id, row.entity_key, row.event_time) == (
        "t-1",
        "p",
        datetime(2026, 1, 5, 8, tzinfo=UTC),
    )


REFUSED = [
    pytest.param({"age": 17}, "age", 17, "a whole number from 18 to 99", id="below the range"),
    pytest.param(
        {"income": 1000.5},
        "income",
        1000.5,
        "a number from 0 to 1000, or null",
        id="above the range",
    ),
    pytest.param(
        {"age": 30.5}, "age", 30.5, "a whole number", id="a fraction where a whole number belongs"
    ),
    pytest.param({"age": True}, "age", True, "a whole number", id="a bool where a number belongs"),
    pytest.param({"age": "30"}, "age", "30", "a whole number", id="text where a number belongs"),
    pytest.param(
        {"age": None}, "age", None, "a whole number", id="null where nothing may be missing"
    ),
    pytest.param({"owner": 1}, "owner", 1, "true or false", id="a number where a bool belongs"),
    pytest.param(
        {"job": "boss"}, "job", "boss", "one of none, self, staff", id="an unknown category"
    ),
    pytest.param(
        {"children": 10**400},
        "children",
        10**400,
        "a whole number, or null",
        id="more than a float can hold",
    ),
    pytest.param({"debt": 1e39}, "debt", 1e39, "a number", id="more than the model can hold"),
    pytest.param(
        {"salary": 1},
        "salary",
        1,
        "is not a known field; known are income, debt",
        id="an unknown field",
    ),
    pytest.param(
        {"transaction_id": ""},
        "transaction_id",
        "",
        "text of 1 to 128 characters",
        id="an empty id",
    ),
    pytest.param(
        {"person_id": "p" * 129},
        "person_id",
        "p" * 129,
        "text of 1 to 128 characters",
        id="a long key",
    ),
    pytest.param(
        {"transaction_id": "a\0b"},
        "transaction_id",
        "a\0b",
        "without NUL",
        id="what PostgreSQL can't hold",
    ),
    pytest.param(
        {"event_time": "2026-01-05T10:00:00"},
        "event_time",
        "2026-01-05T10:00:00",
        "with a time zone",
        id="a naive time",
    ),
    pytest.param(
        {"event_time": "yesterday"},
        "event_time",
        "yesterday",
        "an RFC 3339 time",
        id="no time at all",
    ),
    pytest.param(
        {"event_time": "0001-01-01T00:00:00Z"},
        "event_time",
        "0001-01-01T00:00:00Z",
        "from 1970",
        id="a time out of range",
    ),
]


@pytest.mark.parametrize(("changes", "field", "value", "words"), REFUSED)
def test_a_refusal_names_field_value_and_rule(changes, field, value, words):
    with pytest.raises(Problem) as refused:
        DECODER.decode_row(body(**changes))
    problem = refused.value
    assert (problem.status, problem.members["field"]) == (422, field)
    assert words in problem.members["rule"] and field in str(problem)
    assert shown(problem.members["value"]) == value or str(problem.members["value"]).startswith(
        str(value)[:50]
    )


@pytest.mark.parametrize(("changes", "field", "value", "words"), REFUSED)
def test_a_refused_batch_also_names_the_row(changes, field, value, words):
    with pytest.raises(Problem, match="row 1") as refused:
        DECODER.decode_batch(json.dumps({"rows": [GOOD, GOOD | changes, GOOD]}).encode())
    assert refused.value.members["row"] == 1
    assert refused.value.members["field"] == field


@pytest.mark.parametrize(
    ("given_body", "field", "words"),
    [
        pytest.param(b"", "body", "must be valid JSON", id="nothing"),
        pytest.param(b"{", "body", "must be valid JSON", id="half a document"),
        pytest.param(b'{"debt": NaN}', "body", "must be valid JSON", id="NaN is no JSON"),
        pytest.param(
            b'{"transaction_id": "\xed\xa0\x80"}', "body", "must be valid JSON", id="no UTF-8"
        ),
        pytest.param(b"[]", "body", "must be object, and is array", id="a list"),
        pytest.param(
            b"0\x01", "body", "must be valid JSON", id="a wrong value before what is no JSON"
        ),
        pytest.param(
            b'{"debt": "x"', "body", "must be valid JSON", id="a wrong value in half a document"
        ),
        pytest.param(b"{}", "debt", "is missing; must be a number", id="an empty row"),
    ],
)
def test_a_body_that_is_no_row_is_refused(given_body, field, words):
    with pytest.raises(Problem) as refused:
        DECODER.decode_row(given_body)
    assert refused.value.members["field"] == field and words in refused.value.members["rule"]


@pytest.mark.parametrize(
    "count", [pytest.param(0, id="no rows"), pytest.param(1001, id="too many rows")]
)
def test_a_batch_holds_1_to_1000_rows(count):
    with pytest.raises(Problem, match=r"rows.*1 to 1000"):
        DECODER.decode_batch(json.dumps({"rows": [GOOD] * count}).encode())


def test_a_feature_may_not_have_a_name_that_requests_use():
    contract = parse_contract(
        {
            "title": "Clash",
            "entity_key": "person_id",
            "event_time": "at",
            "transaction_id": "id",
            "label": {"name": "bad"},
            "features": {"event_time": {"type": "float"}},
        },
        use_case="clash",
        file="clash.yaml",
    )
    with pytest.raises(UseCaseError, match="event_time"):
        RequestDecoder(contract)


def values(feature: Feature) -> st.SearchStrategy[Any]:
    """Anything JSON can carry that the rule in words allows."""
    if feature.type == "category":
        kind: st.SearchStrategy[Any] = st.sampled_from(feature.values)
    elif feature.type == "bool":
        kind = st.booleans()
    elif feature.type == "int":
        low, high = feature.range or (-(2**53), 2**53)
        kind = st.integers(int(low), int(high))
    else:
        low, high = feature.range or (-3.4e38, 3.4e38)
        kind = st.floats(low, high, allow_nan=False) | st.integers(int(low), int(high))
    return kind | st.none() if feature.nullable else kind


ROWS = st.fixed_dictionaries({feature.name: values(feature) for feature in MIXED.features})


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_accepted_rows_give_features_of_the_right_width_that_are_finite_or_missing(rows):
    accepted = DECODER.decode_batch(json.dumps({"rows": rows}).encode())
    raw = np.array([np.frombuffer(row.raw) for row in accepted])
    features = DERIVE(raw)
    assert features.shape == (len(rows), len(MIXED.columns))
    assert not np.isinf(features).any()
    sent = [[feature.as_number(row[feature.name]) for feature in MIXED.features] for row in rows]
    np.testing.assert_array_equal(features, DERIVE(np.array(sent)))


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_what_was_logged_can_be_asked_again_and_is_the_same_row(rows):
    first = [row.raw for row in DECODER.decode_batch(json.dumps({"rows": rows}).encode())]
    logged = np.array([np.frombuffer(raw) for raw in first])
    assert [
        DECODER.decode_row(json.dumps(again).encode()).raw for again in requests(logged, MIXED)
    ] == first


@given(st.sampled_from(MIXED.features), st.data())
def test_what_breaks_a_rule_is_refused_for_that_field(feature, data):
    wrong = data.draw(
        st.one_of(
            st.text().filter(lambda text: text not in feature.values), st.lists(st.integers())
        )
    )
    with pytest.raises(Problem) as refused:
        DECODER.decode_row(body(**{feature.name: wrong}))
    assert (refused.value.members["field"], refused.value.members["rule"]) == (
        feature.name,
        rule(feature),
    )


def shown(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


@given(
    st.binary(max_size=60)
    | st.builds(
        lambda at, junk: body()[:at] + junk + body()[at:], st.integers(0, 60), st.binary(max_size=3)
    )
)
def test_whatever_arrives_is_a_row_or_a_refusal(anything: bytes) -> None:
    for accept in (
        DECODER.decode_row,
        DECODER.decode_batch,
        lambda content: decode(LABELS_DECODER, content, RULES),
    ):
        with contextlib.suppress(Problem):
            accept(anything)


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({"rows": [1]}, "row 0: rows: 1: must contain only objects"),
        ({"rows": [GOOD], "x": 1}, "x: 1: is not a known field; known are rows"),
        ({"rows": [GOOD | {"rows": 1}]}, "row 0: rows: 1: is not a known field; known are income"),
        ({"rows": [GOOD] * 1001}, 'rows: "1,001 rows": must be a list of 1 to 1000 rows'),
        ({"rows": {}}, "rows: {}: must be a list of 1 to 1000 rows"),
    ],
)
def test_a_batch_of_another_shape_is_told_which_shape_it_has_to_be(document, detail):
    with pytest.raises(Problem) as refused:
        DECODER.decode_batch(json.dumps(document).encode())
    assert str(refused.value).startswith(detail)


def nested(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth


@pytest.mark.parametrize("depth", [*range(1, 1100, 7), *range(960, 1010), 100_000])
def test_however_deep_a_body_is_nested_it_is_refused_with_field_and_rule(depth):
    row = json.dumps(GOOD)[:-1]
    wrong = {
        "body": nested(depth),
        "income": f'{row}, "income": {nested(depth)}}}',
        "x": f'{row}, "x": {nested(depth)}}}',
        "debt": f'{row}, "debt": 1e999, "x": {nested(depth)}}}',
    }
    for field, document in wrong.items():
        with pytest.raises(Problem) as refused:
            DECODER.decode_row(document.encode())
        assert refusal(refused.value).status_code == 422, "the answer itself can be written"
        assert refused.value.members["field"] == field
        assert refused.value.members["rule"]
    with pytest.raises(Problem) as refused:
        DECODER.decode_batch(f'{{"rows": [{row}}}, {wrong["income"]}]}}'.encode())
    assert {"field": "income", "row": 1}.items() <= refused.value.members.items()
    with pytest.raises(Problem) as refused:
        decode(
            LABELS_DECODER,
            f'{{"labels": [{{"transaction_id": "t", "label": {nested(depth)}}}]}}'.encode(),
            RULES,
        )
    assert {"field": "label", "row": 0}.items() <= refused.value.members.items()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000, "-" + "9" * 5000])
def test_a_number_beyond_every_type_is_refused_for_its_field(number):
    with pytest.raises(Problem) as refused:
        DECODER.decode_row(f'{json.dumps(GOOD)[:-1]}, "income": {number}}}'.encode())
    assert {
        "field": "income",
        "rule": DECODER._rules["income"],
    }.items() <= refused.value.members.items()
    assert str(refused.value.members["value"]).lstrip('"')[:4] == number[:4]


@pytest.mark.parametrize(
    "name",
    [
        "x - at `$" * 50,
        " - at `$.income",
        "x` - at `$.rows[" + "9" * 5000 + "]",
        "`",
        "\0",
        "x" * 100_000,
    ],
)
def test_a_field_of_any_name_is_not_known(name):
    with pytest.raises(Problem, match="is not a known field") as refused:
        DECODER.decode_row(body(**{name: 1}))
    assert name.startswith(refused.value.members["field"].removesuffix("…"))
    assert len(str(refused.value)) < 1000, "a refusal does not repeat all of it"


def test_of_a_field_that_is_given_twice_the_last_one_counts_and_every_one_is_checked():
    row = json.dumps(GOOD)[:-1]
    raw = np.frombuffer(DECODER.decode_row(f'{row}, "debt": 5, "debt": 7}}'.encode()).raw)
    assert raw[1] == 7
    with pytest.raises(Problem, match="debt"):
        DECODER.decode_row(f'{row}, "debt": "x", "debt": 7}}'.encode())


def test_a_time_is_kept_in_utc_as_no_database_takes_every_zone():
    taken = DECODER.decode_row(body(event_time="2026-01-05T08:00:00+23:59"))
    assert taken.event_time
    assert taken.event_time.isoformat() == "2026-01-04T08:01:00+00:00"
