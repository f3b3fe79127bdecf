"""The whole system on one machine, under one supervisor.

The parts are PostgreSQL, MLflow, Airflow and the scoring server.
"""
