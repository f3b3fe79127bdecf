"""The scoring server: decodes requests, scores rows, journals every prediction, then returns it."""
