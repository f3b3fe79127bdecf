"""The life of a model: pure rules, thin stores, and the steps that join them. Never imports Airflow, FastAPI or serving."""
