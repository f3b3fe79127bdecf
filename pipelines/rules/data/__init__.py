"""Rows and data sets: what is read, what is refused, and how time splits them."""
