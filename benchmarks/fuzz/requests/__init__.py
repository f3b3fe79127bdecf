"""The requests: valid ones, and ones with a known fault."""
