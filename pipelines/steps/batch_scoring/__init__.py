"""The step of the DAG `batch_scoring`."""
