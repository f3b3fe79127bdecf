"""HTTP routes; each module creates the routes of one use case."""
