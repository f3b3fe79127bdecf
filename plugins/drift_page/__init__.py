"""The drift page in Airflow's UI: open alerts, the drift of each feature, and performance."""
