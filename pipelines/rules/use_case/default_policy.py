"""The built-in policy, which a rollback uses when no other policy can be read.

Its values are those of the shipped policies.
"""

from typing import Any

DEFAULT_POLICY: dict[str, Any] = {
    "label_maturity": "P7D",
    "gates": {
        "f1_improvement": 0.02, "level": 0.03, "resamples": 10000, "brier_degradation": 0.01,
        "samples": 200, "positives": 20, "label_coverage": 0.3, "recall": 0.4, "roc_auc": 0.72,
    },
    "evaluation": {"window": "P60D", "holdout": 0.3},
    "training": {
        "seed": 7, "trees": 300, "trials": 25, "folds": 4, "rows": 200000, "budget": "PT10M",
        "imbalance": "weights", "threshold": {"metric": "f1"},
        "estimators": ["logistic", "xgboost"],
    },
    "validation": {
        "quarantine_share": 0.01, "missing_share": 0.05, "skew_share": 0.01,
        "outside_share": 0.05, "leak": 0.99, "label_factor": 10, "freshness": "P14D",
    },
    "retraining": {
        "schedule": "0 3 * * 1", "cooldown": "P7D", "per_week": 3, "labels": 200,
        "waiting": "supersede",
    },
    "drift": {
        "schedule": "*/5 * * * *", "window": "PT24H", "step": "PT1H", "reference": "training",
        "ignore": [], "rows": 200, "psi": 0.1, "level": 0.001, "inspect_share": 0.2,
        "warning_features": 5, "dataset_share": 0.5, "severe": {"k": 3, "n": 4},
    },
    "performance": {
        "window": "P7D", "positives": 20, "level": 0.001, "recall": 0.4, "roc_auc": 0.72,
    },
    "alerts": {"notify": ["log"]},
    "report": {"rows": 5000, "every": "P1D", "keep": "P90D"},
    "review": {"when": "never", "timeout": "P3D"},
    "final_validation": {
        "requests": 1000, "parity": 0.00001, "p99": "PT0.01S", "memory_mb": 400,
    },
    "promotion": {"acknowledge_within": "PT30S"},
    "guard": {"bake": "P7D", "predictions": 500, "flagged": 3.0},
    "explanation": {
        "schedule": "*/15 * * * *", "select": "flagged", "sample": 0.05, "chunk": 20000,
        "limit": 200000, "attempts": 3, "drift": 0.15,
    },
    "retention": {"predictions": "P400D", "metrics": "P400D"},
}  # fmt: skip
