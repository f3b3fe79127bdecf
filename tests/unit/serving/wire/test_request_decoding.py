"""Which requests are accepted, and how a refusal names field, value and rule."""

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
from numpy.typing import NDArray

from pipelines.errors import UseCaseError
from pipelines.rules.promotion.serving_trial import requests
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.rules.use_case.spellings import Misread, read_feature
from serving.wire.label_decoding import LabelDecoder
from serving.wire.problems import Problem, refusal
from serving.wire.request_decoding import RequestDecoder, Transaction
from serving.wire.row_types import rule

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
CLASH: Contract = parse_contract(
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
DECODER = RequestDecoder(MIXED)
LABELS = LabelDecoder(MIXED)
DERIVE = Deriver(MIXED)
GOOD = {"income": 10.5, "debt": 1, "age": 30, "owner": True, "job": "self"}


# GOOD as JSON without its closing brace, so that raw text can be appended.
OPEN_ROW = json.dumps(GOOD).removesuffix("}")


def body(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def batch(*rows: Any) -> bytes:
    return json.dumps({"rows": rows}).encode()


def raw_body(members: str) -> bytes:
    """A good row with some members of raw JSON appended."""
    return f"{OPEN_ROW}, {members}}}".encode()


def refused_row(content: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        DECODER.decode_row(content)
    return refused.value


def refused_batch(content: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        DECODER.decode_batch(content)
    return refused.value


def refused_labels(content: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        LABELS.decode(content)
    return refused.value


def test_a_row_becomes_numbers_in_the_contracts_order_with_missing_values_as_nan():
    row = DECODER.decode_row(body(region="south", income=None))
    expected = [math.nan, 1, 30, math.nan, 1, math.nan, 1, 1]
    np.testing.assert_array_equal(np.frombuffer(row.raw), expected)


def test_ids_and_time_are_kept_when_they_are_sent():
    content = body(
        transaction_id="t-1",
        person_id="p",
        event_time="2026-01-05T10:00:00+02:00",
    )
    row = DECODER.decode_row(content)
    assert row.transaction_id == "t-1"
    assert row.entity_key == "p"
    assert row.event_time == datetime(2026, 1, 5, 8, tzinfo=UTC)


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
    pytest.param({"age": "old"}, "age", "old", "a whole number", id="text where a number belongs"),
    pytest.param(
        {"age": None}, "age", None, "a whole number", id="null where nothing may be missing"
    ),
    pytest.param({"owner": 2}, "owner", 2, "true or false", id="a number where a bool belongs"),
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
        {"event_time": "2026-02-30T10:00:00Z"},
        "event_time",
        "2026-02-30T10:00:00Z",
        "an RFC 3339 time",
        id="a day that does not exist",
    ),
    pytest.param(
        {"event_time": "yesterday"},
        "event_time",
        "yesterday",
        "an RFC 3339 time",
        id="text that is no time",
    ),
    pytest.param(
        {"event_time": "0001-01-01T00:00:00Z"},
        "event_time",
        "0001-01-01T00:00:00Z",
        "from 1970",
        id="a time out of range",
    ),
]


@pytest.mark.parametrize(("changes", "field", "value", "message"), REFUSED)
def test_a_refusal_names_field_value_and_rule(changes, field, value, message):
    problem = refused_row(body(**changes))
    members = problem.members
    assert problem.status == 422
    assert members["field"] == field
    assert message in members["rule"]
    assert field in str(problem)
    refused_value = str(as_sent(members["value"]))
    # A long value is cut.
    assert refused_value[:50] == str(value)[:50]


@pytest.mark.parametrize(("changes", "field", "value", "message"), REFUSED)
def test_a_refused_batch_also_names_the_row(changes, field, value, message):
    problem = refused_batch(batch(GOOD, GOOD | changes, GOOD))
    assert "row 1" in str(problem)
    assert problem.members["row"] == 1
    assert problem.members["field"] == field


@pytest.mark.parametrize(
    ("content", "field", "message"),
    [
        pytest.param(b"", "body", "must be valid JSON", id="nothing"),
        pytest.param(b"{", "body", "must be valid JSON", id="half a document"),
        pytest.param(b'{"debt": NaN}', "body", "must be valid JSON", id="NaN is no JSON"),
        pytest.param(
            b'{"transaction_id": "\xed\xa0\x80"}', "body", "must be valid JSON", id="no UTF-8"
        ),
        pytest.param(b"[]", "body", "must be a mapping, and is a list", id="a list"),
        pytest.param(
            b"0\x01", "body", "must be valid JSON", id="a wrong value before what is no JSON"
        ),
        pytest.param(
            b'{"debt": "x"', "body", "must be valid JSON", id="a wrong value in half a document"
        ),
        pytest.param(b"{}", "debt", "is missing; must be a number", id="an empty row"),
    ],
)
def test_a_body_that_is_not_a_row_is_refused(content, field, message):
    members = refused_row(content).members
    assert members["field"] == field
    assert message in members["rule"]


@pytest.mark.parametrize(
    "count", [pytest.param(0, id="no rows"), pytest.param(1001, id="too many rows")]
)
def test_a_batch_holds_1_to_1000_rows(count):
    problem = refused_batch(batch(*[GOOD] * count))
    assert problem.members["field"] == "rows"
    assert "1 to 1000" in str(problem)


def test_a_feature_may_not_have_a_name_that_requests_use():
    with pytest.raises(UseCaseError, match="event_time"):
        RequestDecoder(CLASH)


def values(feature: Feature) -> st.SearchStrategy[Any]:
    """Every JSON value that a feature's rule allows."""
    kind = required_values(feature)
    return kind | st.none() if feature.nullable else kind


def required_values(feature: Feature) -> st.SearchStrategy[Any]:
    if feature.type == "category":
        return st.sampled_from(feature.values)
    if feature.type == "bool":
        return st.booleans()
    if feature.type == "int":
        low, high = feature.range or (1 - 2**53, 2**53 - 1)
        return st.integers(int(low), int(high))
    low, high = feature.range or (-3.4e38, 3.4e38)
    floats = st.floats(low, high, allow_nan=False)
    return floats | st.integers(int(low), int(high))


ROWS = st.fixed_dictionaries({feature.name: values(feature) for feature in MIXED.features})


def raw_features(rows: list[Transaction]) -> NDArray[np.float64]:
    return np.array([np.frombuffer(row.raw) for row in rows])


def as_numbers(row: dict[str, Any]) -> list[float]:
    return [feature.as_number(row[feature.name]) for feature in MIXED.features]


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_accepted_rows_give_features_of_the_right_width_that_are_finite_or_missing(rows):
    accepted = DECODER.decode_batch(batch(*rows))
    features = DERIVE(raw_features(accepted))
    assert features.shape == (len(rows), len(MIXED.columns))
    assert not np.isinf(features).any()
    sent = np.array([as_numbers(row) for row in rows])
    np.testing.assert_array_equal(features, DERIVE(sent))


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_logged_features_can_be_sent_again_and_give_the_same_row(rows):
    accepted = DECODER.decode_batch(batch(*rows))
    repeats = requests(raw_features(accepted), MIXED)
    for row, request in zip(accepted, repeats, strict=True):
        repeated = DECODER.decode_row(json.dumps(request).encode())
        assert repeated.raw == row.raw


@given(st.sampled_from(MIXED.features), st.data())
def test_a_value_that_breaks_a_rule_is_refused_for_its_field(feature, data):
    other_text = st.text().filter(lambda text: not is_accepted(text, feature))
    other_type = st.lists(st.integers())
    wrong = data.draw(other_text | other_type)
    content = body(**{feature.name: wrong})
    members = refused_row(content).members
    assert members["field"] == feature.name
    assert members["rule"] == rule(feature)


def is_accepted(value: str, feature: Feature) -> bool:
    try:
        read_feature(value, feature)
    except Misread:
        return False
    return True


def as_sent(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def with_junk(position: int, junk: bytes) -> bytes:
    """A good row with some bytes inserted."""
    content = body()
    return content[:position] + junk + content[position:]


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param(DECODER.decode_row, id="as a row"),
        pytest.param(DECODER.decode_batch, id="as a batch"),
        pytest.param(LABELS.decode, id="as labels"),
    ],
)
@given(
    st.binary(max_size=60) | st.builds(with_junk, st.integers(0, 60), st.binary(max_size=3)),
)
def test_any_content_is_accepted_or_refused(accept, content: bytes) -> None:
    with contextlib.suppress(Problem):
        accept(content)


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
def test_a_batch_of_another_shape_is_refused_with_the_shape_that_is_required(document, detail):
    problem = refused_batch(json.dumps(document).encode())
    assert str(problem).startswith(detail)


DEPTHS = [*range(1, 1100, 7), *range(960, 1010), 100_000]


def nested(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth


@pytest.mark.parametrize(
    ("template", "field"),
    [
        pytest.param("%s", "body", id="the body"),
        pytest.param(OPEN_ROW + ', "income": %s}', "income", id="a feature"),
        pytest.param(OPEN_ROW + ', "x": %s}', "x", id="an unknown field"),
        pytest.param(
            OPEN_ROW + ', "debt": 1e999, "x": %s}', "debt", id="a field after one that is wrong"
        ),
    ],
)
def test_a_row_that_is_nested_to_any_depth_is_refused_with_field_and_rule(template, field):
    for depth in DEPTHS:
        content = template % nested(depth)
        problem = refused_row(content.encode())
        assert refusal(problem).status_code == 422, "the answer itself can be written"
        assert problem.members["field"] == field
        assert problem.members["rule"]


def test_a_batch_that_is_nested_to_any_depth_is_refused_with_field_and_row():
    for depth in DEPTHS:
        content = f'{{"rows": [{OPEN_ROW}}}, {OPEN_ROW}, "region": {nested(depth)}}}]}}'
        members = refused_batch(content.encode()).members
        assert members["field"] == "region"
        assert members["row"] == 1


def test_labels_that_are_nested_to_any_depth_are_refused_with_field_and_row():
    for depth in DEPTHS:
        content = f'{{"labels": [{{"transaction_id": "t", "label": {nested(depth)}}}]}}'
        members = refused_labels(content.encode()).members
        assert members["field"] == "label"
        assert members["row"] == 0


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000, "-" + "9" * 5000])
def test_a_number_beyond_every_type_is_refused_for_its_field(number):
    members = refused_row(raw_body(f'"children": {number}')).members
    assert members["field"] == "children"
    assert members["rule"] == rule(MIXED.features[3])
    value = str(members["value"]).lstrip('"')  # a value that is cut is shown as JSON
    assert value.startswith(number[:4])


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
def test_an_unknown_field_of_any_name_is_refused(name):
    problem = refused_row(body(**{name: 1}))
    assert "is not a known field" in str(problem)
    field = problem.members["field"]
    assert name.startswith(field.removesuffix("…"))
    assert len(str(problem)) < 1000, "a long name is cut"


@pytest.mark.parametrize("members", ['"debt": 7', '"debt":7', '"income": null', '"debt": "x"'])
def test_a_field_that_is_sent_twice_is_refused(members):
    problem = refused_row(raw_body(members))
    assert problem.members["field"] in members
    assert problem.members["rule"] == "is given twice; send it once"
    row = raw_body(members).decode()
    repeated = refused_batch(f'{{"rows": [{json.dumps(GOOD)}, {row}]}}'.encode())
    assert repeated.members["rule"] == "is given twice; send it once"


def test_half_of_a_surrogate_pair_is_not_json():
    for members in (
        r'"transaction_id": "\ud800"',
        r'"children": 1e999, "transaction_id": "\ud800"',
    ):
        assert "must be valid JSON" in str(refused_row(raw_body(members)))


def test_a_time_is_kept_in_utc_because_postgresql_limits_offsets():
    row = DECODER.decode_row(body(event_time="2026-01-05T08:00:00+23:59"))
    assert row.event_time
    assert row.event_time.isoformat() == "2026-01-04T08:01:00+00:00"


def test_a_name_that_a_label_has_twice_is_refused():
    content = b'{"labels":[{"transaction_id":"a","transaction_id":"b","label":1}]}'
    problem = refused_labels(content)
    assert problem.members["field"] == "transaction_id"
    assert problem.members["rule"] == "is given twice; send it once"


def test_a_name_that_is_repeated_in_a_large_body_is_refused_without_its_name():
    rows = [GOOD | {"transaction_id": f'"{number}":' + "x" * 60} for number in range(500)]
    content = batch(*rows).replace(b'": ', b'":')
    assert len(content) > 2**16
    assert len(DECODER.decode_batch(content)) == 500
    problem = refused_batch(content.replace(b'"age":', b'"age":18,"age":', 1))
    assert problem.members["rule"] == "has a name twice in one object; send it once"
