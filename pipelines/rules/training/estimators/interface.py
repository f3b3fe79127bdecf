"""What an estimator offers, and what it is given.

An estimator is a class without arguments, named by an entry point of the group
`sixgate.estimators`. The policy's `training.estimators` names the ones to train. See
docs/how-to/add-an-estimator.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.explanation.shap_explainer import MarginExplainer
from pipelines.rules.use_case.policy_sections.training import Training

Params = dict[str, Any]
FEATURES = "prepared"  # the ONNX graph's value that an estimator's nodes read
MARGIN = "margin"  # the value that they write


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, in order of time.

    features (n, columns) float32 with NaN for missing and a category's index for a category ·
    labels (n,) 0 or 1 · categories: for each column its number of categories, 0 for a number; empty
    when every column is a number · directions: for each column 1 where the margin must never fall
    when the value rises, -1 where it must never rise, else 0; empty when no column has a direction
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    categories: tuple[int, ...] = ()
    directions: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[Any] | slice) -> "Rows":
        """Select rows by a mask, by positions or by a slice."""
        return replace(self, features=self.features[rows], labels=self.labels[rows])


class Suggest(Protocol):
    """The part of `optuna.Trial` that proposes parameters."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Propose an integer between `low` and `high`, both included."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Propose a number between `low` and `high`."""
        ...


@dataclass(frozen=True)
class ParameterGrid:
    """A search that tries every set of parameters."""

    params: tuple[Params, ...]

    def trials(self, training: Training) -> int:
        """Number of trials of a whole search."""
        return len(self.params)


@dataclass(frozen=True)
class GuidedSearch:
    """A search in which Optuna's Parzen estimator proposes parameters, and bad trials are pruned.

    propose: parameters of a trial, for rows such as those that the last fold learns from · first:
    what the first trial suggests, by name
    """

    propose: Callable[[Suggest, Rows], Params]
    first: Params

    def trials(self, training: Training) -> int:
        """Number of trials of a whole search."""
        return training.trials


SearchSpace = ParameterGrid | GuidedSearch


@dataclass(frozen=True)
class OnnxPart:
    """A part of an ONNX graph: nodes in order, and the constants (initializers) that they read."""

    nodes: Sequence[Any]
    constants: Sequence[Any] = ()


class Estimator(Protocol):
    """One way to train a model, score with it, export it and explain it.

    Where `takes_missing` is false, rows come with missing values filled in, and with columns of 0
    and 1 that say where, if that depends on the label. Where `takes_categories` is false, a
    category comes as columns of 0 and 1, or as one number if it has many levels. Sixgate adds the
    same steps to the ONNX graph and to explanations. Where `takes_directions` is false or missing,
    the estimator is left out if the contract says `monotone` of a feature; otherwise `fit` must
    keep the directions of its rows.
    """

    name: str
    takes_missing: bool
    takes_categories: bool
    takes_directions: bool

    def search_space(self, training: Training) -> SearchSpace:
        """Parameters to try."""
        ...

    def fit(
        self,
        rows: Rows,
        params: Params,
        *,
        seed: int,
        threads: int,
        watch: Rows | None = None,
    ) -> Any:
        """Fit a model; the same rows, parameters and seed give the same model.

        A guided search passes newer rows to `watch`: an estimator that adds trees can stop where it
        no longer improves on them.
        """
        ...

    def settle(self, params: Params, models: Sequence[Any]) -> Params:
        """Parameters for a fit without `watch`, from a trial's models, one for each fold."""
        ...

    def margin(self, model: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds (n,) of features (n, columns), before calibration."""
        ...

    def to_onnx(self, model: Any, columns: int) -> OnnxPart:
        """Nodes that compute `margin` float32 (n, 1) from `prepared` float32 (n, columns).

        Operators of opset 15 and of ai.onnx.ml 3. The exported scores must be those of `margin` to
        1e-5.
        """
        ...

    def save(self, model: Any) -> bytes:
        """Serialise what explains the model: data, never code."""
        ...

    def load(self, content: bytes) -> MarginExplainer:
        """Read what `save` wrote. Keep imports light: a process for single requests calls it."""
        ...
