"""The serving benchmark: the scoring server beside its framework and its peers."""
