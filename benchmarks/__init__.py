"""Benchmarks: `make bench-NAME` measures Sixgate and its peers in one run.

Each prints tables and writes its figures to a JSON file.
"""
