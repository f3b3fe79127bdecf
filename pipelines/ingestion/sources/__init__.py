"""What an import reads from: files of each format, and queries."""
