"""The model that serves, and where it comes from."""
