"""The risk band of a score: which part of the scale it lies in, relative to the threshold."""

from typing import Literal

RiskBand = Literal["low", "medium", "high"]


def risk_band(score: float, threshold: float) -> RiskBand:
    """Return high from the threshold on, medium from half of it on, else low."""
    if score >= threshold:
        return "high"
    return "medium" if score >= threshold / 2 else "low"
