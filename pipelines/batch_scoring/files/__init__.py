"""Files of rows to score: their readers, and the writers of the scored files."""
