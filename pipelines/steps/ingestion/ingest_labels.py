"""Import labels of predictions that are new from the source that the policy names."""

import logging
from typing import Any

import pyarrow as pa

from pipelines.context import Context
from pipelines.rules.ingestion.label_rows import LABELLED_AT, label_contract
from pipelines.steps.ingestion.increment import Increment

CHUNK = 10_000  # labels of a transaction, as many as a request to the route may have
COMPARED = 500  # labels that are compared with the log

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Store labels by the rules of the route `/labels`; raises StepSkipped when there are none.

    Of the first labels, those without a prediction are counted. They are stored too, because the
    prediction may still be on its way.
    """
    source = context.use_case.policy.ingest.labels
    origin = f"ingest:{source.folder or source.connection}"
    first_ids: list[str] = []

    def record(labels: pa.Table) -> dict[str, int]:
        if not first_ids:
            first_ids.extend(labels["transaction_id"].slice(0, COMPARED).unique().to_pylist())
        return context.imports.record_labels(context.name, labels, source=origin)

    result = Increment(
        context=context,
        name="labels",
        source=source,
        contract=label_contract(
            context.use_case.contract, source.labelled_at or source.watermark or LABELLED_AT
        ),
        store_rows=record,
        chunk=CHUNK,
        unique=False,
    ).run()
    return result | _unmatched(context, first_ids)


def _unmatched(context: Context, ids: list[str]) -> dict[str, Any]:
    """Count the labels without a prediction so far, among some of those that were read."""
    if not ids:
        return {}
    unmatched = context.imports.without_prediction(context.name, ids)
    if unmatched:
        log.warning(
            "%s of %s labels that were compared match no prediction so far",
            f"{unmatched:,}",
            f"{len(ids):,}",
        )
    return {"compared": len(ids), "unmatched": unmatched}
