"""What runs beside the requests: model watchers, the heartbeat, and the shipper."""
