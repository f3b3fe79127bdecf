"""Sixgate's MLflow server: MLflow's basic-auth app with generated accounts and additional rules."""
