"""The demo: simulated card payments, and a walk through the whole model lifecycle."""
