"""The fuzz benchmark: valid and invalid requests for a server, and their wrong responses."""
