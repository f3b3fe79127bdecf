"""Threads beside the event loop: model reloading, heartbeat and shipping of predictions."""
