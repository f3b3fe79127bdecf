"""`python -m pipelines` is `sixgate`."""

from pipelines.cli import main

main()
