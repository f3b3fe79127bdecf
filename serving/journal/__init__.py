"""Every answer on disk before it leaves: the journal, its identifiers and its lookup."""
