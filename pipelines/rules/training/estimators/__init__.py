"""Estimators, one in each module; other packages add theirs by entry point."""
