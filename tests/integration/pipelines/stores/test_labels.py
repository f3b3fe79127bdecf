"""Labels on a real database."""

from dataclasses import asdict
from datetime import UTC, datetime

from pipelines.context import Context
from pipelines.records import Label
from pipelines.stores.labels import LabelStore


def test_labels_are_idempotent_and_corrections_are_kept(wired: Context) -> None:
    now = datetime.now(UTC)
    label = Label(transaction_id="corrected", label=0, labelled_at=now)
    changed = Label(transaction_id="corrected", label=1, labelled_at=now)
    store = LabelStore(wired.connection)
    receipts = [
        asdict(store.record("other", [one], source="test")) for one in (label, label, changed)
    ]
    assert receipts == [
        {"accepted": 1, "corrected": 0, "duplicate": 0},
        {"accepted": 0, "corrected": 0, "duplicate": 1},
        {"accepted": 0, "corrected": 1, "duplicate": 0},
    ]
    rows = wired.connection.execute(
        "SELECT label FROM current_labels WHERE use_case = 'other'"
    ).fetchall()
    history = wired.connection.execute(
        "SELECT label FROM label_store WHERE use_case = 'other' ORDER BY id"
    ).fetchall()
    assert ([row["label"] for row in rows], [row["label"] for row in history]) == ([1], [0, 1])
