"""The MLflow server that Sixgate runs: MLflow's basic-auth app with generated accounts, behind rules of our own."""
