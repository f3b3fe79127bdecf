"""Contributions in words, for an analyst: what a feature is, its value, and what it does to the odds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.rules.use_case.contract import Contract, Feature

WORTH_SAYING = 0.01  # log-odds: one per cent of the odds


@dataclass(frozen=True)
class Reason:
    """One feature's part in a score: its value as it was sent, its contribution in log-odds, what it is, and all in words."""

    feature: str
    value: Any
    contribution: float
    description: str
    words: str


def reasons(
    contract: Contract, contract_hash: str, features: Sequence[float], contributions: Sequence[float]
) -> list[Reason]:  # fmt: skip
    """The features of a prediction made under a contract, the ones that moved its score most first."""
    described = {feature.name: feature.description for feature in contract.features}
    described |= {derived.name: derived.description for derived in contract.derived}
    odds = f"the odds of {contract.label.name}"
    found = []
    for (name, value), contribution in zip(
        named(contract, contract_hash, features).items(), contributions, strict=True
    ):
        description = described.get(name, "")
        words = (
            f"{_what(description or name.replace('_', ' '), value)}: {_does(contribution, odds)}"
        )
        found.append(Reason(name, value, contribution, description, words))
    return sorted(found, key=lambda r: -abs(r.contribution))


def named(contract: Contract, contract_hash: str, features: Sequence[float]) -> dict[str, Any]:
    """Features by name, as they were sent, NaN as None; those of another contract have their places for names."""
    if contract_hash != contract.hash:
        return {str(place): _plain(value) for place, value in enumerate(features)}
    kinds: dict[str, Feature] = {feature.name: feature for feature in contract.features}
    return {
        name: _sent(kinds.get(name), value)
        for name, value in zip(contract.columns, features, strict=True)
    }


def _sent(feature: Feature | None, value: float) -> Any:
    if math.isnan(value) or feature is None:
        return _plain(value)
    if feature.type == "category":
        return feature.values[int(value)]
    return {"bool": bool, "int": int, "float": float}[feature.type](value)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _what(description: str, value: Any) -> str:
    if value is None:
        return f"{description}, missing"
    if isinstance(value, bool):
        return f"{description}, {'yes' if value else 'no'}"
    return f"{description}, {value:,.4g}" if isinstance(value, float) else f"{description}, {value}"


def _does(contribution: float, odds: str) -> str:
    """e to the contribution is what the odds are multiplied by."""
    if abs(contribution) < WORTH_SAYING:
        return f"hardly changes {odds}"
    factor = math.exp(min(abs(contribution), 700.0))
    by = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2f}"
    return f"{'multiplies' if contribution > 0 else 'divides'} {odds} by {by}"
