"""One module per stage, each reading as gather, decide, record."""
