"""`sixgate` on the command line."""
