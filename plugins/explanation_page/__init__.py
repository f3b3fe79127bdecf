"""The explanation page in Airflow's UI: features that move scores, and explanations."""
