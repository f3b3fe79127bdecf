"""What both imports share: read what is new in a source, store it, remember how far it was read."""

import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.context import Context
from pipelines.errors import DataError, StepSkipped, UseCaseError
from pipelines.ingestion.sources.folder import FileCopy, Folder, FolderFile
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.sources.watermark_query import EPOCH, open_watermark_query
from pipelines.ingestion.staging import Staged, stage
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.ingest import HistorySource, LabelSource
from pipelines.stores.ingest import ImportedFile

CONNECTION = "SIXGATE_INGEST_CONNECTION"  # the URL that Airflow's task takes from the connection
FOLDER = "staging"  # below the artifact store

log = logging.getLogger(__name__)
StoreRows = Callable[[pa.Table], Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Increment:
    """The import of one source, `history` or `labels`, whose rows keep `contract`.

    `store_rows` stores at most `chunk` rows within a transaction and counts what happened to them.
    With `unique`, a transaction id that comes twice in one reading is refused the second time.
    """

    context: Context
    name: str
    source: HistorySource | LabelSource
    contract: Contract
    store_rows: StoreRows
    chunk: int
    unique: bool

    def run(self) -> dict[str, Any]:
        """Import what is new and return the counts; raises StepSkipped when nothing is.

        Each transaction stores a chunk of rows. The last one also records how far the source was
        read, so a killed run reads its rows again, and rows that are read again change nothing.
        """
        if not self.source.is_set:
            raise UseCaseError(
                f"{self.context.name}/policy.yaml: ingest.{self.name} names no source: set its "
                "`sql` or `folder`"
            )
        with self.context.imports.exclusive(self.context.name, self.name), self._alerting():
            result = self._query() if self.source.sql else self._folder()
        log.info("%s: %s", self.name, _in_words(result))
        return result

    @property
    def _is_full(self) -> bool:
        """Whether the run reads everything again."""
        return bool(self.context.params.get("full"))

    def _query(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        since = self._since()
        source = open_watermark_query(
            self.source.sql,
            os.environ.get(CONNECTION) or self.source.connection,
            self.contract,
            watermark=self.source.watermark,
            since=since,
            now=now,
        )
        log.info("reading the changes after %s of %s", _shown(since), source.name)
        with self._workplace() as folder:
            staged = self._stage(source, folder)
            if source.newest is None:
                raise StepSkipped(f"{source.name} has no rows after {_shown(since)}")
            newest = source.newest
            counts = self._write(
                staged,
                lambda: self.context.imports.move_watermark(self.context.name, self.name, newest),
            )
        watermark = self.context.imports.watermark(self.context.name, self.name)
        return _result(staged, counts) | {"watermark": watermark}

    def _since(self) -> datetime:
        watermark = self.context.imports.watermark(self.context.name, self.name)
        if self._is_full or watermark is None:
            return EPOCH
        return max(watermark - self.source.lag, EPOCH)

    def _folder(self) -> dict[str, Any]:
        """Import new files; one that is refused does not keep the others from being imported."""
        folder = Folder(self.source.folder, self.source.pattern)
        total: Counter[str] = Counter()
        quarantines: list[str] = []
        faults: list[str] = []
        for file in self._new_files(folder):
            with self._workplace() as workplace:
                copy = folder.copy(file, workplace)
                if self._is_known(file, copy):
                    continue
                try:
                    staged, counts = self._import_file(file, copy)
                except DataError as fault:
                    faults.append(str(fault).replace(str(copy.path), file.name))
                    log.error("%s", faults[-1])
                    continue
            log.info("%s: %s", file.name, _in_words(_result(staged, counts)))
            total.update({**_counted(staged), **counts, "files": 1})
            if staged.ingested.quarantine:
                quarantines.append(staged.ingested.quarantine.name)
        if faults:
            imported = f"; {total['files']:,} other files were imported" if total else ""
            raise DataError(f"{folder.location}: {'; '.join(faults)}{imported}")
        if not total:
            raise StepSkipped(f"{folder.location} has no new files")
        return {**total, "quarantine": quarantines}

    def _new_files(self, folder: Folder) -> list[FolderFile]:
        """List the files that were changed since they were imported, or never imported."""
        files = folder.files()
        if self._is_full:
            return files
        known = self.context.imports.files(self.context.name, self.name)
        imported = {(file.name, file.size, file.modified_at) for file in known}
        return [file for file in files if (file.name, file.size, file.modified_at) not in imported]

    def _is_known(self, file: FolderFile, copy: FileCopy) -> bool:
        """Whether a file was only written again with the same content."""
        if self._is_full:
            return False
        for known in self.context.imports.files(self.context.name, self.name):
            if (known.name, known.digest) == (file.name, copy.digest):
                again = replace(known, modified_at=file.modified_at)
                self.context.imports.record_file(self.context.name, self.name, again)
                return True
        return False

    def _import_file(self, file: FolderFile, copy: FileCopy) -> tuple[Staged, Counter[str]]:
        source = open_file(copy.path, self.contract, self.contract.csv)
        staged = self._stage(source, copy.path.parent)
        record = ImportedFile(
            name=file.name,
            digest=copy.digest,
            size=file.size,
            modified_at=file.modified_at,
            rows=staged.ingested.rows,
        )
        counts = self._write(
            staged, lambda: self.context.imports.record_file(self.context.name, self.name, record)
        )
        return staged, counts

    def _stage(self, source: Any, folder: Path) -> Staged:
        return stage(
            source,
            self.contract,
            self.context.artifacts,
            folder,
            share=self.context.use_case.policy.validation.quarantine_share,
            unique=self.unique,
        )

    def _write(self, staged: Staged, remember: Callable[[], None]) -> Counter[str]:
        """Store the rows in chunks; the transaction of the last chunk also calls `remember`."""
        counts: Counter[str] = Counter()
        connection = self.context.connection
        tables = staged.tables(self.chunk)
        table = next(tables, None)
        while table is not None:
            following = next(tables, None)
            with connection.transaction():
                counts.update(self.store_rows(table))
                if following is None:
                    remember()
            table = following
        if not staged.ingested.rows:
            remember()
        return counts

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        """Make an empty folder; what a killed run left in it is removed first."""
        folder = self.context.artifacts.root / FOLDER / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _alerting(self) -> Iterator[None]:
        """Open an alert while the rows of the source can't be imported, and resolve it after."""
        cause = f"ingest_{self.name}"
        alerts = self.context.alerts
        try:
            yield
        except StepSkipped:
            alerts.resolve(self.context.name, cause, "the source has nothing that was refused")
            raise
        except DataError as fault:
            alerts.raise_(self.context.name, cause=cause, severity="WARNING", message=str(fault))
            raise
        alerts.resolve(self.context.name, cause, f"the {self.name} were imported")


def _result(staged: Staged, counts: Mapping[str, int]) -> dict[str, Any]:
    quarantine = staged.ingested.quarantine
    return {**_counted(staged), **counts, "quarantine": quarantine.name if quarantine else None}


def _counted(staged: Staged) -> dict[str, int]:
    ingested = staged.ingested
    return {
        "read": staged.read,
        "refused": ingested.quarantined,
        "not_labelled": ingested.unlabelled,
    }


def _in_words(result: Mapping[str, Any]) -> str:
    counts = [
        f"{value:,} {name.replace('_', ' ')}"
        for name, value in result.items()
        if isinstance(value, int)
    ]
    return ", ".join(counts)


def _shown(time: datetime) -> str:
    return "the beginning" if time == EPOCH else f"{time:%Y-%m-%d %H:%M:%S} UTC"
