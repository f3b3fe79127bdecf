"""What a contract accepts of rows that were accepted under an earlier one."""

from collections.abc import Sequence

import msgspec

from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.contract_projection import same_type


def accepting(contract: Contract, earlier: Sequence[Contract]) -> Contract:
    """Return the contract with rules that rows of `earlier` contracts keep after their conversion.

    A feature that one of them lacks, or whose categories differ, may be missing. A range covers
    the ranges of all of them. Columns and their order stay as they are.
    """
    if not earlier:
        return contract
    features = []
    for feature in contract.features:
        formers = [_feature(former, feature.name) for former in earlier]
        features.append(_relaxed(feature, formers))
    return msgspec.structs.replace(contract, features=tuple(features))


def _feature(contract: Contract, name: str) -> Feature | None:
    for feature in contract.features:
        if feature.name == name:
            return feature
    return None


def _relaxed(feature: Feature, formers: list[Feature | None]) -> Feature:
    relaxed = feature
    for former in formers:
        if _may_be_missing(former, feature):
            relaxed = msgspec.structs.replace(relaxed, nullable=True)
        if former is None:
            continue
        if former.type == "float" and relaxed.type == "int":
            relaxed = msgspec.structs.replace(relaxed, type="float")
        relaxed = msgspec.structs.replace(relaxed, range=_span(relaxed, former))
    return relaxed


def _may_be_missing(former: Feature | None, feature: Feature) -> bool:
    """Whether a converted row may lack the feature."""
    if former is None or former.nullable or not same_type(former, feature):
        return True
    return not set(former.values) <= set(feature.values)


def _span(feature: Feature, former: Feature) -> tuple[float, float] | None:
    """Return the range that covers both; None without a limit."""
    if feature.range is None or former.range is None or former.beyond == "accept":
        return None
    low = min(feature.range[0], former.range[0])
    high = max(feature.range[1], former.range[1])
    return low, high
