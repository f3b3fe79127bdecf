"""The sections of a policy: each key with its type, its default and its meaning."""
