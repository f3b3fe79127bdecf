"""Drift statistics: how far a window's counts are from those of a reference, one module each."""
