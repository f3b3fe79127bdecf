"""An alert for tests."""

from datetime import UTC, datetime

from pipelines.records import Alert

OPENED = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def alert_about(model_version: int | None) -> Alert:
    """An open alert about a model version, or about none."""
    return Alert(
        id=7,
        use_case="fraud",
        cause="performance",
        severity="SEVERE",
        state="OPEN",
        message="recall is low",
        check_id="check",
        model_version=model_version,
        opened_at=OPENED,
        updated_at=OPENED,
        resolved_at=None,
        resolution=None,
        acknowledged_by=None,
        acknowledged_at=None,
        acknowledged_severity=None,
        comment=None,
        woke_at=None,
        woke_run=None,
        report=None,
        notified={},
    )
