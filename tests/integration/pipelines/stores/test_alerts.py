"""Alerts on a real database: one for each cause, until it is resolved."""

from typing import Any

import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError


def test_an_alert_opens_once_is_acknowledged_opens_again_when_worse_and_ends(
    wired: Context,
) -> None:
    def raise_(severity: str) -> Any:
        return wired.alerts.raise_(
            "fraud", cause="feature_drift", severity=severity, message=f"{severity} now"
        )

    first = raise_("INSPECT")
    assert raise_("INSPECT").id == first.id
    known = wired.alerts.acknowledge("fraud", first.id, "ana", "a campaign")
    assert (known.state, known.acknowledged_by, known.comment) == (
        "ACKNOWLEDGED",
        "ana",
        "a campaign",
    )
    assert raise_("INSPECT").state == "ACKNOWLEDGED", "no worse than she knows"
    assert raise_("ALERT").state == "OPEN"
    assert raise_("WARNING").state == "OPEN"
    wired.alerts.raise_("fraud", cause="feature_drift", severity="ALERT", message="x")
    wired.alerts.acknowledge("fraud", first.id, "ana", None)
    assert [raise_(severity).state for severity in ("INSPECT", "ALERT", "SEVERE")] == [
        "ACKNOWLEDGED",
        "ACKNOWLEDGED",
        "OPEN",
    ]
    wired.alerts.resolve("fraud", "feature_drift", "it ended")
    assert wired.alerts.open("fraud") == []
    with pytest.raises(EvidenceError, match=f"no open alert {first.id}; open alerts: none"):
        wired.alerts.acknowledge("fraud", first.id, "ana", None)
    assert raise_("INSPECT").id != first.id
