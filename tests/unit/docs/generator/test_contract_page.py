"""Every key of a contract is on the page, and those that it calls required are."""

import re
from typing import Any

import pytest
import yaml

from docs.generator.contract_page import REQUIRED, contract_page
from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract_parser import KEYS, parse_contract
from pipelines.settings import ROOT

CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "reference/fraud/contract.yaml").read_text())


def test_every_key_of_the_top_is_on_the_page() -> None:
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", contract_page())) >= KEYS


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_key_is_required_where_the_page_says_so(key: str) -> None:
    document = {name: value for name, value in CONTRACT.items() if name != key}
    gone = CONTRACT.get(key)  # a source must not name what is no column any more
    document["sources"] = {
        source: name for source, name in CONTRACT["sources"].items() if name != gone
    }
    if key in REQUIRED:
        with pytest.raises(UseCaseError, match=key):
            parse_contract(document, use_case="fraud", file="contract.yaml")
    elif key != "derived":  # sources are free of them
        parse_contract(document, use_case="fraud", file="contract.yaml")
