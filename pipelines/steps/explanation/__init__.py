"""Steps of the DAG `batch_explanation`."""
