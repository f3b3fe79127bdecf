"""The explanation page in Airflow's UI: which features move scores, and why each prediction came out as it did."""
