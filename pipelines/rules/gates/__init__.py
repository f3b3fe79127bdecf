"""The six gates, what they judge, and the verdict."""
