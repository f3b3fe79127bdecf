"""Confidence intervals and distances between distributions."""
