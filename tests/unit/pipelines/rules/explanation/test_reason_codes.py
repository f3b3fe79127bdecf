"""Reasons in words name the value that was sent and what it does to the odds."""

import numpy as np

from pipelines.rules.explanation.reason_codes import reasons
from pipelines.rules.use_case.contract_parser import parse_contract


def test_reasons_name_what_was_sent_and_what_it_does_to_the_odds() -> None:
    document = {
        "title": "t", "entity_key": "k", "event_time": "e", "transaction_id": "t", "label": {"name": "default"},
        "features": {
            "job": {"type": "category", "values": ["none", "nurse"], "description": "what they do"},
            "owns": {"type": "bool", "description": "a home of their own"}, "loans": {"type": "int"},
            "income": {"type": "float", "nullable": True, "description": "yearly income"},
        },
    }  # fmt: skip
    contract = parse_contract(document, use_case="loans", file="f")
    found = reasons(
        contract, contract.hash, [1.0, 0.0, 3.0, np.nan], [np.log(2), -np.log(20), 0.001, 0.5]
    )
    assert [(r.feature, r.value) for r in found] == [
        ("owns", False),
        ("job", "nurse"),
        ("income", None),
        ("loans", 3),
    ]
    assert [r.words for r in found] == [
        "a home of their own, no: divides the odds of default by 20",
        "what they do, nurse: multiplies the odds of default by 2.00",
        "yearly income, missing: multiplies the odds of default by 1.65",
        "loans, 3: hardly changes the odds of default",
    ]
    foreign = reasons(contract, "another", [1.0, 0.0], [0.1, -0.2])
    assert [(r.feature, r.value) for r in foreign] == [("1", 0.0), ("0", 1.0)]
