"""The manifest of a day of the audit trail."""

from datetime import date, timedelta

import pytest

from pipelines.rules.data.audit_manifest import (
    LATE_DAYS,
    AuditContract,
    AuditFile,
    AuditManifest,
    bounds,
    days_to_export,
    decode,
    encode,
    faults,
)

TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)


def written(name="labels-0001.parquet", table="labels", **changes):
    values = {
        "file": name,
        "table": table,
        "rows": 1,
        "bytes": 10,
        "sha256": "ab",
        "schema": {"id": "int64"},
        **changes,
    }
    return AuditFile(**values)


@pytest.mark.parametrize(
    ("first", "known", "days"),
    [
        pytest.param(None, [], [], id="nothing is stored"),
        pytest.param(TODAY, [], [], id="today is not complete"),
        pytest.param(TODAY - 2 * DAY, [], [TODAY - 2 * DAY, TODAY - DAY], id="new days"),
        pytest.param(
            TODAY - 2 * DAY,
            [TODAY - 2 * DAY],
            [TODAY - 2 * DAY, TODAY - DAY],
            id="a recent day is looked at again",
        ),
    ],
)
def test_days_to_export(first, known, days):
    assert days_to_export(first, known, TODAY) == days


def test_an_old_day_is_exported_once():
    first = TODAY - 30 * DAY
    known = [first + number * DAY for number in range(30)]
    days = days_to_export(first, known, TODAY)
    assert days == [TODAY - number * DAY for number in range(LATE_DAYS, 0, -1)]
    assert days_to_export(first, known[1:], TODAY)[0] == first


def test_a_day_is_one_in_utc():
    start, end = bounds(TODAY)
    assert (start.isoformat(), end - start) == ("2026-03-10T00:00:00+00:00", DAY)


def test_files_are_numbered_and_say_what_is_exported():
    manifest = AuditManifest(day=TODAY)
    assert manifest.next_file("labels") == "labels-0001.parquet"
    assert (manifest.logged_until("labels"), manifest.exported("decisions")) == ("0", [])
    manifest = manifest.with_file(written(logged_until="9"))
    manifest = manifest.with_file(written("labels-0002.parquet", logged_until="10"))
    manifest = manifest.with_file(written("decisions-0001.parquet", "decisions", ids=[3, 4]))
    assert manifest.next_file("labels") == "labels-0003.parquet"
    assert manifest.logged_until("labels") == "10"
    assert manifest.exported("decisions") == [3, 4]


def test_a_manifest_is_read_as_it_was_written():
    contract = AuditContract(use_case="fraud", columns=["amount"])
    manifest = AuditManifest(day=TODAY).with_file(written(contracts=["c"]), {"c": contract})
    assert decode(encode(manifest)) == manifest


def test_missing_and_changed_files_are_named():
    manifest = AuditManifest(day=TODAY).with_file(written("a", sha256="1"))
    manifest = manifest.with_file(written("b", sha256="2")).with_file(written("c", sha256="3"))
    assert faults(manifest, {"a": "1", "b": "x"}) == [
        "2026-03-10/b has changed since it was written",
        "2026-03-10/c is missing",
    ]
