"""Profiles of rows that were profiled under an earlier contract, for the current one.

A column is matched by its name. One with the same meaning keeps its bins. A column without the
values that it needs has no profile.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.monitoring.binning import Profile, count, profile
from pipelines.rules.use_case.contract import Contract, Derived, Feature
from pipelines.rules.use_case.contract_projection import (
    Projection,
    convert_categories,
    same_type,
)


def profiles_of(
    raw: NDArray[np.float64],
    frozen: Mapping[str, Profile],
    source: Contract,
    target: Contract,
) -> dict[str, Profile]:
    """Profile raw rows (n, source.raw) for each column of the target, in its order.

    A frozen profile is kept when it counts the converted rows as before. Columns that the source
    can't fill are left out.
    """
    projection = Projection(source, target)
    columns = projection(raw)
    features = {feature.name: feature for feature in target.features}
    converted = {}
    for index, name in enumerate(target.columns):
        if name in projection.absent:
            continue
        fresh = profile(columns[:, index], features.get(name))
        former = frozen.get(name)
        if former is not None and _counts_alike(former, fresh, columns[:, index]):
            converted[name] = former
        else:
            converted[name] = fresh
    return converted


def newer_profiles(
    features: NDArray[np.float64],
    known: Mapping[str, Profile],
    contract: Contract,
    *,
    min_rows: int,
) -> dict[str, Profile]:
    """Profile the columns of rows (n, columns), in order of time, that have no profile yet.

    Rows before the first value do not count: the feature did not exist then. A column with fewer
    than `min_rows` other rows has no profile.
    """
    raw = {feature.name: feature for feature in contract.features}
    profiles = {}
    for index, name in enumerate(contract.columns):
        present = np.flatnonzero(~np.isnan(features[:, index]))
        if name in known or not len(present):
            continue
        since = features[present[0] :, index]
        if len(since) >= min_rows:
            profiles[name] = profile(since, raw.get(name))
    return profiles


def _counts_alike(former: Profile, fresh: Profile, column: NDArray[np.float64]) -> bool:
    if former.edges == fresh.edges:
        return former.counts == fresh.counts
    is_numeric = fresh.outside[:1] == [0] and former.outside[:1] == [0]
    return is_numeric and former.counts == count(column, former.edges)


def comparable(
    profiles: Mapping[str, Profile],
    bins: Mapping[str, Profile],
    source: Contract,
    target: Contract,
) -> dict[str, Profile]:
    """Return the profiles of source columns that can be compared with counts in the target's bins.

    A category's counts move to the indexes of the target. Other columns need the same meaning and
    the same edges.
    """
    features = {feature.name: feature for feature in target.features}
    former = {feature.name: feature for feature in source.features}
    compared = {}
    for name, bin_profile in bins.items():
        if name not in profiles:
            continue
        own: Profile | None = profiles[name]
        feature = features.get(name)
        if feature is not None and name in former and feature.type == "category":
            own = _recounted(profiles[name], former[name], feature)
        elif not _same_meaning(name, source, target):
            continue
        if own is not None and own.edges == bin_profile.edges:
            compared[name] = own
    return compared


def profiles_of_new(
    profiles: Mapping[str, Profile],
    known: Mapping[str, Profile],
    source: Contract,
    target: Contract,
) -> dict[str, Profile]:
    """Return profiles of source columns that are not `known` and mean the same in the target."""
    return {
        name: own
        for name, own in profiles.items()
        if name not in known and name in target.columns and _same_meaning(name, source, target)
    }


def _recounted(own: Profile, source: Feature, target: Feature) -> Profile | None:
    """A category's profile with the target's categories."""
    if source.type != "category":
        return None
    if source.values == target.values:
        return own
    codes = np.array([np.nan, *range(len(source.values))])
    column = np.repeat(codes, own.counts[: len(codes)])
    return profile(convert_categories(column, source, target), target)


def _same_meaning(name: str, source: Contract, target: Contract) -> bool:
    """Whether a column's numbers mean the same under both contracts."""
    former = _raw(source, name)
    feature = _raw(target, name)
    if former is not None and feature is not None:
        return same_type(former, feature) and former.values == feature.values
    then = _derived(source, name)
    now = _derived(target, name)
    if then is None or now is None or then.expression != now.expression:
        return False
    inputs = target.formula(now).inputs
    return all(_same_meaning(each, source, target) for each in inputs)


def _raw(contract: Contract, name: str) -> Feature | None:
    for feature in contract.features:
        if feature.name == name:
            return feature
    return None


def _derived(contract: Contract, name: str) -> Derived | None:
    for derived in contract.derived:
        if derived.name == name:
            return derived
    return None
