"""`python -m pipelines` is `sixgate`."""

from pipelines.cli.app import main

main()
