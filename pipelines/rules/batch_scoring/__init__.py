"""Rules of scoring files: which rows are scored, and what is written of them."""
