"""A row of a snapshot as a request has it."""

from pipelines.rules.use_case.contract_parser import parse_contract
from stack.first_model import as_request

CONTRACT = {
    "title": "Loans",
    "entity_key": "customer",
    "transaction_id": "loan",
    "label": {"name": "bad"},
    "features": {
        "income": {"type": "int", "nullable": True},
        "rate": {"type": "float"},
        "city": {"type": "category", "values": ["Oslo", "Rome"]},
        "employed": {"type": "bool"},
    },
}


def test_numbers_become_the_values_that_a_request_takes() -> None:
    contract = parse_contract(CONTRACT, use_case="loans", file="loans/contract.yaml")
    row = {"income": 1200.0, "rate": 0.25, "city": 1.0, "employed": 0.0}
    assert as_request(row, contract) == {
        "income": 1200,
        "rate": 0.25,
        "city": "Rome",
        "employed": False,
    }
    for missing in (None, float("nan")):
        assert as_request(row | {"income": missing}, contract)["income"] is None
