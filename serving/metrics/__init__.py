"""What Prometheus reads, and the access log."""
