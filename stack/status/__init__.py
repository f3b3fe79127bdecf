"""What `sixgate status` reads, decides and shows."""
