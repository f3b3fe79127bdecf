"""The assets by which one DAG triggers another.

They carry no data: the triggered DAG reads the database.
"""

from airflow.sdk import Asset

from pipelines.rules.use_case.policy import Policy


def drift_asset(policy: Policy) -> Asset:
    """Return the asset that is emitted when drift is severe; it triggers retraining."""
    return _asset(policy.use_case, "drift")


def candidate_asset(policy: Policy) -> Asset:
    """Return the asset that is emitted when a challenger is approved; it triggers promotion."""
    return _asset(policy.use_case, "candidate")


def rollback_asset(use_case: str) -> Asset:
    """Return the asset that a failed guard of a new champion emits; it triggers rollback."""
    return _asset(use_case, "rollback")


def _asset(use_case: str, kind: str) -> Asset:
    return Asset(
        name=f"{use_case}_{kind}",
        uri=f"sixgate://{use_case}/{kind}",
        group="sixgate",
    )
