"""The proposed contract."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.proposal.column_profile import profile
from pipelines.rules.proposal.column_roles import roles
from pipelines.rules.proposal.contract_proposal import head_room, propose_contract
from pipelines.rules.use_case.contract import LabelColumn
from pipelines.rules.use_case.contract_parser import parse_contract

COLUMNS = {
    "App ID": [f"a{n}" for n in range(60)],
    "Income": [str(1000 + 10 * n) for n in range(58)] + ["?", "NA"],
    "Balance": ["-999"] * 20 + [str(n) for n in range(40)],
    "City": ["Rome", "Oslo", ""] * 20,
    "Employed": ["yes", "no"] * 30,
    "When": [f"2024-01-{n % 28 + 1:02}" for n in range(60)],
}


def proposed(**changes: Any) -> Any:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    profiles = {
        name: profile(name, pa.chunked_array([pa.array(values)]), now=now)
        for name, values in COLUMNS.items()
    }
    found = roles(profiles)
    settings: dict[str, Any] = {"time": found.times[0], "key": "", "csv": {}, "codes": {}}
    return propose_contract(
        title="Loans",
        profiles=profiles,
        roles=found,
        label=LabelColumn(name="Bad?"),
        **settings | changes,
    )


def test_the_proposed_contract_is_valid() -> None:
    proposal = proposed(codes={"Balance": (-999.0,)})
    contract = parse_contract(proposal.document, use_case="loans", file="loans/contract.yaml")
    assert contract.raw == ("income", "balance", "city", "employed")
    income, balance, city, employed = contract.features
    assert (income.type, income.missing, income.nullable) == ("int", ("?", "NA"), True)
    assert income.range == (0.0, 1860.0)
    assert (balance.missing, balance.nullable) == ((-999,), True)
    assert balance.range == (0.0, 59.0), "a code is no value"
    assert (city.values, city.unknown, city.nullable) == (("Oslo", "Rome", "other"), "other", True)
    assert (employed.type, employed.nullable) == ("bool", False)
    assert (contract.transaction_id, contract.event_time) == ("app_id", "when")
    assert contract.sources["App ID"] == "app_id"
    assert proposal.comments["city"] == "missing in 33.3%, 2 values"


def test_without_a_time_the_contract_has_none() -> None:
    document = proposed(time="").document
    assert "event_time" not in document
    assert not parse_contract(document, use_case="loans", file="f").has_times


@given(st.lists(st.floats(-1e9, 1e9).map(lambda number: round(number, 3)), min_size=2, max_size=30))
def test_a_range_has_room_around_all_numbers(numbers: list[float]) -> None:
    values = np.array(numbers)
    if values.min() == values.max():
        return
    low, high = head_room(values)
    assert low <= values.min() and high >= values.max()
    assert low < high
    if values.min() >= 0:
        assert low == 0
