"""Confidence intervals, and p-values of many tests."""
