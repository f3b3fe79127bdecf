"""Airflow's REST API refuses to start a run of a Sixgate DAG with a parameter that it does not take."""
