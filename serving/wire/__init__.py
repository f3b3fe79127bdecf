"""The wire format: request decoding, schemas, limits, API keys and problem documents."""
