"""How much tests try that go through many cases: a part, or all with SIXGATE_THOROUGH=1."""

import os

THOROUGH = bool(os.environ.get("SIXGATE_THOROUGH"))
