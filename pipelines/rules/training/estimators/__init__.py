"""Estimators: what can be trained. One module is one estimator; other packages add theirs by entry point."""
