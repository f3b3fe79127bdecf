"""Which version may become Production, and when one goes back."""
