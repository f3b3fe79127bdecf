"""The steps of the DAG `<use case>_ingest`."""
