"""The commands of the `sixgate` console script."""
