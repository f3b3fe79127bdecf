"""The drift page in Airflow's UI: open alerts, how far features lie from their reference, and how well the champion does."""
