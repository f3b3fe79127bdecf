"""The scoring server: decodes, scores, answers, and remembers every answer."""
