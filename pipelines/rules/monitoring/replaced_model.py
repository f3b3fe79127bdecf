"""Alerts about a model end when another model replaces it."""

from collections.abc import Sequence

from pipelines.records import Alert, LedgerEntry


def newest_done(entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """The promotion or rollback whose model is Production; `entries` are newest first."""
    for entry in entries:
        if entry.state == "DONE":
            return entry
    return None


def is_replaced(model_version: int | None, newest: LedgerEntry | None) -> bool:
    """Whether a model no longer serves. None is no model: the alert is about the traffic."""
    if model_version is None or newest is None:
        return False
    return model_version != newest.to_version


def why_resolved(alert: Alert, newest: LedgerEntry | None) -> str | None:
    """Why an alert ends with the model that it is about; None while that model serves.

    An alert that is about no model never ends with one.
    """
    if newest is None or not is_replaced(alert.model_version, newest):
        return None
    replaced = f"version {newest.to_version} replaced version {alert.model_version}"
    return f"{replaced} ({_cause(newest)})"


def _cause(entry: LedgerEntry) -> str:
    if entry.action == "ROLLBACK":
        return f"rollback by {entry.actor}"
    return f"decision {entry.decision_id}"
