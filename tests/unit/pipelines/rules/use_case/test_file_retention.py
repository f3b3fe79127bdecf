"""Which files of a use case are deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.rules.use_case.file_retention import (
    FileUser,
    StoredFile,
    expired_files,
    uses_of,
)
from pipelines.rules.use_case.policy_sections.retention import Retention

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = Retention(
    snapshots=timedelta(days=10),
    datasets=timedelta(days=20),
    quarantine=timedelta(days=5),
    reports=timedelta(days=30),
)
USER = FileUser(
    id=4,
    run_id="manual__2026-01-01T00:00:00+00:00",
    verdict="APPROVED",
    challenger_version=2,
    snapshot="named",
    history="history",
    train="train",
    holdout="holdout",
)


def expired(kind, name, age, *, users=(USER,), champion=2):
    file = StoredFile(kind=kind, name=name, modified=NOW - timedelta(days=age))
    return expired_files([file], DAYS, users=users, champion=champion, now=NOW) == [file]


@pytest.mark.parametrize(
    ("kind", "days"),
    [("snapshots", 10), ("datasets", 20), ("quarantine", 5), ("reports", 30)],
)
def test_a_file_goes_after_the_retention_of_its_kind(kind, days):
    assert not expired(kind, "other", days - 1)
    assert expired(kind, "other", days)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("snapshots", "named", id="the snapshot that a run named"),
        pytest.param("snapshots", "history", id="the history of a model"),
        pytest.param("datasets", "train", id="training data"),
        pytest.param("datasets", "holdout", id="held-out data"),
        pytest.param(
            "reports",
            "validation-manual__2026-01-01T00_00_00_00_00.json",
            id="the report of a run",
        ),
        pytest.param("reports", "explanations-v2-drawn.json", id="what the champion's page shows"),
        pytest.param("reports", "drift-20250101T000000Z.html.gz", id="a drift report"),
    ],
)
def test_what_is_used_stays(kind, name):
    assert not expired(kind, name, 1000)
    if not name.startswith("drift-"):
        assert expired(kind, name, 1000, users=(), champion=None)


def test_a_quarantine_file_is_used_by_nobody():
    assert expired("quarantine", "named", 1000)


def test_files_of_today_stay_whatever_the_policy_says():
    short = Retention(snapshots=timedelta(seconds=1))
    file = StoredFile(kind="snapshots", name="x", modified=NOW - timedelta(hours=23))
    assert expired_files([file], short, users=[], champion=None, now=NOW) == []


def test_uses_name_the_decision_the_version_and_production():
    assert uses_of("train", [USER], 2) == ["decision 4 (version 2): training data, in Production"]
    assert uses_of("named", [USER], None) == ["decision 4 (version 2): snapshot of the run"]
    assert uses_of("other", [USER], 2) == []
