"""Routes translate between HTTP and the server's parts; each module makes those of one use case."""
