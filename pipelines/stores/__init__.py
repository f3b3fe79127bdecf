"""The only places that touch the world: tables, the model registry, artifacts."""
