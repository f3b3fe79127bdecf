"""The journal, which keeps every prediction on disk before it is returned."""
