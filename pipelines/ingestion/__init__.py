"""Import labelled history from files and databases.

Rows that conform to the contract become a snapshot. All other rows go to quarantine with a reason.
"""

from pipelines.ingestion.history_import import ingest, ingest_from
from pipelines.ingestion.result import Ingested, TooManyRefused

__all__ = ["Ingested", "TooManyRefused", "ingest", "ingest_from"]
