"""The demo: simulated payments, and the story that they tell."""
