"""Airflow's API server takes changes from its own pages only, and shows its pages in no other."""
