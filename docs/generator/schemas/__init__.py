"""JSON Schema files with which editors complete and check contracts and policies."""
