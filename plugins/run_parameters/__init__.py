"""Airflow's REST API refuses to start a run of a Sixgate DAG with an unknown parameter."""
