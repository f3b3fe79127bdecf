"""Import labelled history that is new or changed from the source that the policy names."""

from typing import Any

import pyarrow as pa

from pipelines.context import Context
from pipelines.steps.ingestion.increment import Increment

CHUNK = 50_000  # rows of a transaction


def run(context: Context) -> dict[str, Any]:
    """Store new rows and new versions of rows; raises StepSkipped when there are none.

    A retraining makes a snapshot of all rows that were imported.
    """
    contract = context.use_case.contract
    context.models.record_contract(contract)

    def write(rows: pa.Table) -> dict[str, int]:
        return context.imports.write_rows(contract, rows)

    return Increment(
        context=context,
        name="history",
        source=context.use_case.policy.ingest.history,
        contract=contract,
        store_rows=write,
        chunk=CHUNK,
        unique=True,
    ).run()
