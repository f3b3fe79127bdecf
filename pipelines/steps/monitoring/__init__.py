"""Steps of the DAG `drift_detection`."""
