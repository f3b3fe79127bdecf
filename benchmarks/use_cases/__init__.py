"""Use cases from public files: the quality of what `sixgate new` and training make of them."""
