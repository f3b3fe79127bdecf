"""The lifecycle of a model: pure rules, stores that do I/O, and the steps that join them.

Nothing here imports Airflow, FastAPI or the scoring server.
"""
