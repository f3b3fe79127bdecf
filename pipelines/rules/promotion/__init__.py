"""Which version may become Production, and when a version is rolled back."""
