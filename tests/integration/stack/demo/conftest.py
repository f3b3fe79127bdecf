"""The service of the tests of the scoring server."""

from tests.integration.serving.conftest import service, settings

__all__ = ["service", "settings"]
