"""The model in service, and the places it is loaded from."""
