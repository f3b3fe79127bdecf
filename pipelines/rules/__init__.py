"""What is decided, without I/O, clock, environment or MLflow."""
