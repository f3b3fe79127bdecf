"""The six gates, the evidence that they judge, and the verdict."""
