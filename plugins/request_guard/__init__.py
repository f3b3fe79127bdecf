"""Airflow's API server accepts changes only from its own pages and from programs."""
