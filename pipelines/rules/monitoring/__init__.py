"""Drift and performance of live traffic, and what is done about them."""
