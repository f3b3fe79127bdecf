"""Confidence intervals and divergences."""
