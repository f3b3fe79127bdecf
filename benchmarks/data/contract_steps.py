"""Ten changes of the contract of fraud, one after the other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.rules.use_case.contract import Contract
from pipelines.use_case import read_contract
from serving.wire.row_types import example

Document = dict[str, Any]
CHANNELS = ["web", "shop"]


def _set(path: str, value: Any) -> Callable[[Document], None]:
    """Return the edit that sets a dotted key; None removes it."""

    def edit(document: Document) -> None:
        *parents, last = path.split(".")
        section = document
        for name in parents:
            section = section[name]
        if value is None:
            del section[last]
        else:
            section[last] = value

    return edit


CHANGES: Mapping[str, Callable[[Document], None]] = {
    "a nullable feature is added": _set(
        "features.channel", {"type": "category", "values": CHANNELS, "nullable": True}
    ),
    "a range is widened": _set("features.amount.range", [0, 200_000]),
    "a required feature is added": _set("features.age", {"type": "int", "range": [0, 150]}),
    "a category is added": _set("features.channel.values", [*CHANNELS, "app"]),
    "an expression changes": _set(
        "derived.terminal_risk_rise.expression", "terminal_risk_1d - terminal_risk_30d"
    ),
    "a feature becomes nullable": _set("features.terminal_risk_1d.nullable", True),
    "categories are reordered": _set("features.channel.values", ["app", "shop", "web"]),
    "a derived feature is removed": _set("derived.customer_rush", None),
    "a range is narrowed": _set("features.amount.range", [0, 50_000]),
    "a feature is removed": _set("features.age", None),
}


def change(folder: Path, edit: Callable[[Document], None]) -> Contract:
    """Write the changed contract in one step, and return it."""
    file = folder / "contract.yaml"
    document = yaml.safe_load(file.read_text())
    edit(document)
    new = file.with_suffix(".new")
    new.write_text(yaml.safe_dump(document, sort_keys=False))
    new.replace(file)
    return read_contract(folder)


def row_of(contract: Contract) -> dict[str, Any]:
    """Return a row of a client that keeps to a contract and uses all of it."""
    row = example(contract)
    del row["transaction_id"]  # a new one for each request
    if feature := next((each for each in contract.features if each.name == "amount"), None):
        assert feature.range
        row["amount"] = feature.range[1]
    if feature := next((each for each in contract.features if each.name == "channel"), None):
        row["channel"] = feature.values[-1]
    return row
