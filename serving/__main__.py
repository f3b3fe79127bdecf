"""`python -m serving`: one worker or several on the address that the settings name, until they are told to stop."""

import sys

from pipelines.errors import SixgateError
from pipelines.settings import Settings
from serving.server import serve
from serving.wire import json_logs


def main() -> None:
    """Serve by the settings of this environment; a fault that a person can mend is one line."""
    json_logs.install()
    try:
        serve(Settings.load())
    except SixgateError as error:
        sys.exit(f"serving: {error}")


if __name__ == "__main__":
    main()
