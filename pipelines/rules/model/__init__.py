"""A model as it is registered and served, and the verification that comes first."""
