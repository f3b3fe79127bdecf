"""HTTP requests of the end-to-end tests, which wait as long as a busy machine needs."""

from functools import partial

import httpx

SECONDS = 60
get = partial(httpx.get, timeout=SECONDS)
post = partial(httpx.post, timeout=SECONDS)
patch = partial(httpx.patch, timeout=SECONDS)
delete = partial(httpx.delete, timeout=SECONDS)
