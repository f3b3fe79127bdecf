"""The data benchmark: one meaning of each value, the speed of ingestion, changes of contracts."""
