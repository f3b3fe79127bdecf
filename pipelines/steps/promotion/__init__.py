"""Steps of the DAGs `promotion` and `rollback`."""
