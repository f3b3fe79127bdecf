"""Finds settings of the ingest DAG that can't work together."""

import re
from collections.abc import Iterator
from typing import Any

from pipelines.rules.use_case.policy_sections.ingest import HistorySource, Ingest, LabelSource

# A parameter; `::type` is a cast, and `a:watermark` is no SQL.
WATERMARK = re.compile(r"(?<![:\w]):watermark\b")
URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/]\S*|file:///\S+")
Source = HistorySource | LabelSource
Contradiction = tuple[str, Any, str]  # key, value and rule


def ingest_contradictions(ingest: Ingest) -> Iterator[Contradiction]:
    """Yield each value that can't work."""
    for name, source in (("history", ingest.history), ("labels", ingest.labels)):
        for key, value, rule in _source(source):
            yield f"ingest.{name}.{key}", value, rule
    if ingest.is_set:
        return
    nothing = "starts a run that reads nothing: set `ingest.history` or `ingest.labels`"
    if ingest.schedule:
        yield "ingest.schedule", repr(ingest.schedule), nothing
    if ingest.asset:
        yield "ingest.asset", repr(ingest.asset), nothing


def _source(source: Source) -> Iterator[Contradiction]:
    if source.sql and source.folder:
        yield "folder", repr(source.folder), "is a second source beside `sql`: remove one of them"
        return
    if source.sql:
        yield from _query(source)
        return
    for key in ("connection", "watermark"):
        if value := getattr(source, key):
            yield key, repr(value), "needs a query: set `sql`"
    if source.folder:
        yield from _folder(source)
    elif source.pattern != "*":
        yield "pattern", repr(source.pattern), "needs a folder: set `folder`"


def _query(source: Source) -> Iterator[Contradiction]:
    if not source.connection:
        yield "connection", "''", "is empty: name the Airflow connection of the database"
    elif "://" in source.connection:
        # A URL holds a password, and the policy is stored with each decision.
        yield "connection", "a URL", "is not an id: name an Airflow connection that holds the URL"
    if not source.watermark:
        yield "watermark", "''", "is empty: name the column of the query that says when rows change"
    if not WATERMARK.search(source.sql):
        rule = (
            "does not use :watermark, so each run would read all rows: add a condition such as "
            f"`{source.watermark or 'updated_at'} > :watermark`"
        )
        yield "sql", repr(source.sql), rule
    if source.pattern != "*":
        yield "pattern", repr(source.pattern), "is for files in a folder: remove it"


def _folder(source: Source) -> Iterator[Contradiction]:
    is_url = "://" in source.folder
    if is_url and "@" in source.folder.partition("?")[0]:
        # The policy is stored with each decision.
        rule = "must not hold a key: set it in the environment of the scheduler"
        yield "folder", "a URL", rule
    elif is_url and not URL.fullmatch(source.folder):
        rule = "is not the URL of a folder: write it as s3://bucket/folder"
        yield "folder", repr(source.folder), rule
    if not is_url and not source.folder.startswith("/"):
        yield "folder", repr(source.folder), "is not an absolute path: begin it with /"
    if not source.pattern.strip():
        yield "pattern", repr(source.pattern), "is empty: write * for all files"
