"""The estimators that are installed here, found by their entry points."""

from importlib.metadata import entry_points

from pipelines.errors import UseCaseError
from pipelines.rules.explanation.shap_explainer import Explainer
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.model.preparation import Preparation
from pipelines.rules.training.estimators.interface import Estimator

GROUP = "sixgate.estimators"


def installed_estimators() -> tuple[str, ...]:
    """Names of all estimators, Sixgate's own and those of other packages."""
    return tuple(sorted(entry_points(group=GROUP).names))


def find_estimator(name: str) -> Estimator:
    """Load an estimator; UseCaseError when none has this name or its library can't be imported."""
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        installed = ", ".join(installed_estimators())
        raise UseCaseError(
            f"estimator {name!r} is not installed: installed are {installed}; install its package "
            "where the steps run, or correct `training.estimators` in the policy"
        )
    try:
        estimator: Estimator = found[0].load()()
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
        raise UseCaseError(
            f"estimator {name!r} can't be imported: {error}: install what it needs"
        ) from error
    if estimator.name != name:
        raise UseCaseError(
            f"estimator {name!r} calls itself {estimator.name!r}: "
            "the entry point's name must be the same"
        )
    return estimator


def read_explainer(
    kind: str, content: bytes, calibration: Calibration, preparation: Preparation | None
) -> Explainer:
    """Read the file that explains a version; UseCaseError when its estimator is not installed."""
    return Explainer(find_estimator(kind).load(content), calibration, preparation)
