"""The bins in which traffic is counted, and what the champion is compared with in them."""

from pipelines.context import Context
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.monitoring.converted_profiles import comparable, profiles_of_new
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.promotion.ledger import champion
from pipelines.stores.baseline import Manifest, read_manifest


def reference_bins(context: Context) -> tuple[Manifest, Manifest]:
    """Return the baseline, and the baseline with bins for features that only the champion knows.

    Features that are newer than the baseline have the bins of the champion's evaluation data.
    """
    use_case = context.use_case
    baseline = read_manifest(use_case.folder, use_case.contract)
    served = champion(context.ledger.recent(context.name, limit=1000))
    if served is None or len(baseline.profiles) == len(use_case.contract.columns):
        return baseline, baseline
    training = context.models.profile(context.name, served.version)
    if training is None:
        return baseline, baseline
    model = context.models.get(context.name, served.version)
    own = context.models.contract(model.contract_hash, use_case.contract)
    added = profiles_of_new(training.features, baseline.profiles, own, use_case.contract)
    if not added:
        return baseline, baseline
    known = {**baseline.profiles, **added}
    ordered = {name: known[name] for name in use_case.contract.columns if name in known}
    return baseline, baseline.with_profiles(ordered)


def training_reference(context: Context, version: int, counted: Manifest) -> Reference | None:
    """Return the profile of a version's evaluation data, as far as it has the counted bins.

    None without a profile, and when it was made with another baseline.
    """
    training = context.models.profile(context.name, version)
    if training is None or training.bins != counted.name:
        return None
    current = context.use_case.contract
    model = context.models.get(context.name, version)
    own = context.models.contract(model.contract_hash, current)
    features: dict[str, Profile] = comparable(training.features, counted.profiles, own, current)
    return training.with_features(features)
