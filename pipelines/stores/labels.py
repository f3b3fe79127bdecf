"""Labels, stored in `label_store`."""

from collections.abc import Sequence

from pipelines.records import Label, LabelReceipt
from pipelines.stores.database import Connection, queries


class LabelStore:
    """Labels as they arrive: late, repeated or corrected."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, use_case: str, labels: Sequence[Label], *, source: str) -> LabelReceipt:
        """Store labels in order: a changed label is a correction, an equal one a duplicate."""
        row = queries("labels").record_labels(
            self._connection,
            use_case=use_case,
            source=source,
            transaction_ids=[label.transaction_id for label in labels],
            labels=[label.label for label in labels],
            labelled_ats=[label.labelled_at for label in labels],
        )
        return LabelReceipt(**row)
