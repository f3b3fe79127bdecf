"""The whole system on one machine: PostgreSQL, MLflow, Airflow and the scoring server under one supervisor."""
