"""Assets by which one DAG wakes another. They carry no data: whoever is woken reads the database."""

from airflow.sdk import Asset

from pipelines.rules.use_case.policy import Policy


def drift_asset(policy: Policy) -> Asset:
    """Emitted when drift is severe; wakes retraining."""
    return Asset(
        name=f"{policy.use_case}_drift", uri=f"sixgate://{policy.use_case}/drift", group="sixgate"
    )


def candidate_asset(policy: Policy) -> Asset:
    """Emitted when a challenger is approved; wakes promotion."""
    return Asset(
        name=f"{policy.use_case}_candidate",
        uri=f"sixgate://{policy.use_case}/candidate",
        group="sixgate",
    )


def rollback_asset(use_case: str) -> Asset:
    """Emitted when a new champion breaks its promise; wakes rollback."""
    return Asset(name=f"{use_case}_rollback", uri=f"sixgate://{use_case}/rollback", group="sixgate")
