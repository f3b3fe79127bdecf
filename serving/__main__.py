"""`python -m serving`: runs one or several workers on the configured address until stopped."""

import sys

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from serving.server import serve
from serving.wire import json_logs


def main() -> None:
    """Serve with the settings of the environment; a SixgateError is printed as one line."""
    json_logs.install()
    try:
        serve(Settings.load())
    except SixgateError as error:
        sys.exit(f"serving: {error}")


if __name__ == "__main__":
    main()
