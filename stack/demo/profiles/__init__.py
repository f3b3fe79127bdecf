"""The simulated worlds, one module per use case, each with a `PROFILE`."""
