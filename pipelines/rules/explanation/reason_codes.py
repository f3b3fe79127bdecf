"""Reason codes: a contribution in words, with the feature's value and its effect on the odds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.rules.use_case.contract import Contract, Feature

NEGLIGIBLE = 0.01  # log-odds: one per cent of the odds
LARGEST_EXPONENT = 700.0  # exp() of more overflows


@dataclass(frozen=True)
class Reason:
    """One feature's part in a score.

    value: as the client sent it · contribution: log-odds · description: of the feature · words: all
    of it as a sentence
    """

    feature: str
    value: Any
    contribution: float
    description: str
    words: str


def reasons(
    contract: Contract,
    contract_hash: str,
    features: Sequence[float],
    contributions: Sequence[float],
) -> list[Reason]:
    """Reasons for a score that was made under a contract, the largest contribution first."""
    descriptions = {feature.name: feature.description for feature in contract.features}
    descriptions |= {derived.name: derived.description for derived in contract.derived}
    odds = f"the odds of {contract.label.name}"
    unsorted = []
    values = named(contract, contract_hash, features)
    for (name, value), contribution in zip(values.items(), contributions, strict=True):
        description = descriptions.get(name, "")
        subject = _with_value(description or name.replace("_", " "), value)
        effect = _effect(contribution, odds)
        reason = Reason(
            feature=name,
            value=value,
            contribution=contribution,
            description=description,
            words=f"{subject}: {effect}",
        )
        unsorted.append(reason)
    return sorted(unsorted, key=lambda reason: -abs(reason.contribution))


def named(contract: Contract, contract_hash: str, features: Sequence[float]) -> dict[str, Any]:
    """Values by feature name, as the client sent them; NaN becomes None.

    Features of another contract are named by their position.
    """
    if contract_hash != contract.hash:
        return {str(position): _number(value) for position, value in enumerate(features)}
    raw: dict[str, Feature] = {feature.name: feature for feature in contract.features}
    return {
        name: _sent(raw.get(name), value)
        for name, value in zip(contract.columns, features, strict=True)
    }


def _sent(feature: Feature | None, value: float) -> Any:
    if math.isnan(value) or feature is None:
        return _number(value)
    if feature.type == "category":
        return feature.values[int(value)]
    convert = {"bool": bool, "int": int, "float": float}[feature.type]
    return convert(value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _with_value(description: str, value: Any) -> str:
    if value is None:
        return f"{description}, missing"
    if isinstance(value, bool):
        return f"{description}, {'yes' if value else 'no'}"
    if isinstance(value, float):
        return f"{description}, {value:,.4g}"
    return f"{description}, {value}"


def _effect(contribution: float, odds: str) -> str:
    """The factor e^contribution by which the odds are multiplied, in words."""
    if abs(contribution) < NEGLIGIBLE:
        return f"hardly changes {odds}"
    factor = math.exp(min(abs(contribution), LARGEST_EXPONENT))
    amount = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2f}"
    verb = "multiplies" if contribution > 0 else "divides"
    return f"{verb} {odds} by {amount}"
