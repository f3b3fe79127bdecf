"""The accepted contracts on the local disk, so that a replica can start without the database."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipelines.rules.use_case.contract import Contract

log = logging.getLogger(__name__)


class ContractCache:
    """`<folder>/<use_case>.json` holds the contracts that a replica accepted last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, use_case: str) -> list[Contract]:
        """Return the accepted contracts, the current one first; empty when none can be read."""
        try:
            content = self._file(use_case).read_bytes()
            return msgspec.json.decode(content, type=list[Contract])
        except (OSError, msgspec.DecodeError):
            return []

    def put(self, contracts: Sequence[Contract]) -> None:
        """Store the accepted contracts of a use case, the current one first.

        When that is not possible, a warning is logged and nothing else changes.
        """
        file = self._file(contracts[0].use_case)
        new = file.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(contracts))
            new.replace(file)
        except OSError as error:
            log.warning("the accepted contracts can't be stored in %s: %s", file, error.strerror)

    def _file(self, use_case: str) -> Path:
        return self._folder / f"{use_case}.json"
