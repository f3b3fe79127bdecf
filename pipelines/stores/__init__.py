"""Stores: the modules that do I/O, on tables, the model registry, artifacts and processes."""
