"""Explains single rows for a scoring server, in a process of its own."""
