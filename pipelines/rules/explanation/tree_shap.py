"""SHAP values of a booster's margin: by XGBoost itself, and for many rows by WoodElf.

Path-dependent Tree SHAP (Lundberg and others, Nature Machine Intelligence 2, 2020), which
`shap.TreeExplainer` also leaves to the booster. WoodElf (Nadel and Wettenstein, 2025) computes the
same values for all rows of a tree at once. Its fixed cost pays off from some thousand rows on.
Measurements are in docs/decisions/015.
"""

import logging

import numpy as np
import xgboost
from numpy.typing import NDArray

FAST_FROM = 5_000  # rows
CHECKED = 64  # of them, by the booster too
AGREE = 1e-5  # log-odds

log = logging.getLogger(__name__)
Values = NDArray[np.float64]


def tree_shap(booster: xgboost.Booster, features: NDArray[np.float32]) -> tuple[Values, float]:
    """SHAP values (n, columns) and base value, both in log-odds before calibration."""
    if len(features) < FAST_FROM:
        return _by_booster(booster, features)
    checked = np.linspace(0, len(features) - 1, CHECKED).astype(int)
    sure, base = _by_booster(booster, features[checked])
    try:
        values = _by_woodelf(booster, features)
        apart = float(np.abs(values[checked] - sure).max())
    except Exception as error:  # of a package that is young: what it can't do the booster can
        log.warning(
            "WoodElf failed (%s: %s): the booster computes all rows, more slowly",
            type(error).__name__,
            error,
        )
        return _by_booster(booster, features)
    if not apart <= AGREE:
        log.warning(
            "WoodElf and the booster are %.2g apart: the booster computes all rows, more slowly",
            apart,
        )
        return _by_booster(booster, features)
    return values, base


def _by_booster(booster: xgboost.Booster, features: NDArray[np.float32]) -> tuple[Values, float]:
    found = booster.predict(xgboost.DMatrix(features), pred_contribs=True).astype(np.float64)
    return found[:, :-1], float(found[0, -1])


def _by_woodelf(booster: xgboost.Booster, features: NDArray[np.float32]) -> Values:
    import pandas as pd  # only who has many rows needs these
    from woodelf import WoodelfExplainer
    from woodelf.core.cube_metric import ShapleyValues
    from woodelf.core.path_to_s_vectors.woodelf_p2s import HighDepthWoodelfPathToSVectors

    class Double(HighDepthWoodelfPathToSVectors):  # type: ignore[misc]  # WoodElf is not typed
        """In double precision: sums over hundreds of trees in single precision are 2e-5 off."""

        def _build_matrices(self) -> None:
            super()._build_matrices()
            for depth, matrix in self.matrices.items():
                self.matrices[depth] = matrix.astype(np.float64)

        @staticmethod
        def compute_f_from_covers(covers: Values) -> Values:
            shares = np.ones(1)
            for cover in covers:
                shares = np.kron(shares, [1 - cover, cover])
            return shares

    # XGBoost goes left where a float32 is less than the threshold. WoodElf 0.4 lowers thresholds
    # by one step of float32 and also compares with less, so it needs values that lie just below.
    below = pd.DataFrame(np.nextafter(features.astype(np.float64), -np.inf))
    deepest = min(_depth(booster), features.shape[1])
    values = WoodelfExplainer(booster).shap_values(
        below, verbose=False, path_to_matrices_calculator=Double(ShapleyValues(), deepest)
    )
    return np.asarray(values, dtype=np.float64)


def _depth(booster: xgboost.Booster) -> int:
    """Of the deepest tree: what stands in a dump before a leaf."""
    return max(
        (line.count("\t") for tree in booster.get_dump() for line in tree.splitlines()), default=0
    )
