"""Proposes the files of a new use case from a sample of its data."""
