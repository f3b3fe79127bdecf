"""Run `sixgate` as `python -m pipelines`."""

from pipelines.cli.app import main

main()
