"""A page of a test's own, as small as a page can be."""
