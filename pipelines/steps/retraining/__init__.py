"""Steps of the DAG `retraining`."""
