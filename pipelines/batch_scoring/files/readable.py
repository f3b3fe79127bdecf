"""What is said of a file that can't be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from pipelines.errors import DataError


@contextmanager
def readable(name: str, kind: str) -> Iterator[None]:
    """Raise DataError with the file's name when it is truncated or not of its format."""
    try:
        yield
    except (pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name} is not a valid {kind}: {reason}; no scored file was written: export it again"
        ) from error
    except DataError as fault:
        if name in str(fault):
            raise
        raise DataError(f"{name}: {fault}") from None
