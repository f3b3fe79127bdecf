"""What each column is for."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipelines.errors import DataError
from pipelines.rules.proposal.column_profile import ColumnProfile, profile
from pipelines.rules.proposal.column_roles import roles, words

N = 60
COLUMNS = {
    "customer_id": [f"c{n}" for n in range(N)],
    "row": [str(n) for n in range(N)],
    "amount": [str(n % 7 + 0.5) for n in range(N)],
    "kind": ["a", "b"] * (N // 2),
    "note": [f"text {n}" for n in range(N)],
    "empty": [""] * N,
    "same": ["x"] * N,
    "updated": [f"2024-01-{n % 28 + 1:02}" for n in range(N)],
    "created_at": [f"2024-02-{n % 28 + 1:02}" for n in range(N)],
    "birth_date": [f"1980-02-{n % 28 + 1:02}" for n in range(N)],
}


def profiles(**columns: list[str]) -> dict[str, ColumnProfile]:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    found = {}
    for name, values in columns.items():
        found[name] = profile(name, pa.chunked_array([pa.array(values)]), now=now)
    return found


def test_columns_are_features_unless_they_say_nothing() -> None:
    found = roles(profiles(**COLUMNS))
    assert found.features == ["amount", "kind"]
    assert found.transaction_id == "customer_id"
    assert found.times == ["created_at", "updated"], "the name of the first says so"
    assert set(found.left_out) == set(COLUMNS) - {"amount", "kind", "customer_id"}
    assert found.left_out["row"] == "it numbers the rows"
    assert "every row has the same value" in found.left_out["same"]
    assert "60 values" in found.left_out["note"]


def test_what_a_person_names_is_taken() -> None:
    found = roles(profiles(**COLUMNS), time="updated", id_="note", key="kind")
    assert (found.times, found.transaction_id) == (["updated"], "note")
    assert "kind" not in found.features
    with pytest.raises(DataError, match="--time amount: not every value is a time"):
        roles(profiles(**COLUMNS), time="amount")


def test_a_constant_date_is_no_time() -> None:
    assert roles(profiles(day=["2024-01-01"] * N)).times == []


def test_words_of_a_name() -> None:
    assert words("CustomerID.2_birthDate") == {"customer", "id", "birth", "date"}
