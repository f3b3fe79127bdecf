"""Settings of the ingest DAG that can't work are refused, with the key and what to do."""

from typing import Any

import pytest

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.ingest_checks import WATERMARK
from pipelines.rules.use_case.policy import Policy, parse_policy

QUERY = {
    "connection": "warehouse",
    "sql": "SELECT * FROM payments WHERE updated_at > :watermark",
    "watermark": "updated_at",
}


def parsed(ingest: dict[str, Any]) -> Policy:
    return parse_policy({"ingest": ingest}, use_case="fraud", file="fraud/policy.yaml")


@pytest.mark.parametrize(
    "ingest",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"history": QUERY}, id="a query, started by a person"),
        pytest.param(
            {"schedule": "*/30 * * * *", "labels": {**QUERY, "labelled_at": "reported_at"}},
            id="labels on a schedule",
        ),
        pytest.param(
            {"asset": "warehouse://chargebacks", "history": {"folder": "/data/in"}},
            id="a folder, on an asset",
        ),
        pytest.param(
            {"history": {"folder": "s3://bucket/in", "pattern": "*.parquet"}}, id="a bucket"
        ),
        pytest.param({"history": {"folder": "file:///data"}}, id="a folder as a URL"),
    ],
)
def test_a_source_that_can_work_is_accepted(ingest: dict[str, Any]) -> None:
    assert parsed(ingest).ingest.is_set is bool(ingest)


@pytest.mark.parametrize(
    ("ingest", "message"),
    [
        pytest.param(
            {"schedule": "*/30 * * * *"},
            "ingest.schedule: '*/30 * * * *' starts a run that reads nothing: set "
            "`ingest.history` or `ingest.labels`",
            id="a schedule without a source",
        ),
        pytest.param(
            {"asset": "chargebacks"},
            "ingest.asset: 'chargebacks' starts a run that reads nothing: set `ingest.history` or "
            "`ingest.labels`",
            id="an asset without a source",
        ),
        pytest.param(
            {"schedule": "every day", "history": QUERY},
            "ingest.schedule: 'every day' is not a cron expression: see crontab(5)",
            id="a schedule that is none",
        ),
        pytest.param(
            {"history": {**QUERY, "connection": ""}},
            "ingest.history.connection: '' is empty: name the Airflow connection of the database",
            id="no connection",
        ),
        pytest.param(
            {"history": {**QUERY, "connection": "postgresql://u:hunter2@host/db"}},
            "ingest.history.connection: a URL is not an id: name an Airflow connection that holds "
            "the URL",
            id="a URL, whose password is not shown",
        ),
        pytest.param(
            {"labels": {**QUERY, "watermark": ""}},
            "ingest.labels.watermark: '' is empty: name the column of the query that says when "
            "rows change",
            id="no watermark",
        ),
        pytest.param(
            {"history": {**QUERY, "sql": "SELECT updated_at::watermark FROM p"}},
            "ingest.history.sql: 'SELECT updated_at::watermark FROM p' does not use :watermark, so "
            "each run would read all rows: add a condition such as `updated_at > :watermark`",
            id="a query without the parameter",
        ),
        pytest.param(
            {"history": {**QUERY, "folder": "/data"}},
            "ingest.history.folder: '/data' is a second source beside `sql`: remove one of them",
            id="two sources",
        ),
        pytest.param(
            {"history": {"connection": "warehouse"}},
            "ingest.history.connection: 'warehouse' needs a query: set `sql`",
            id="a connection alone",
        ),
        pytest.param(
            {"labels": {"folder": "/data", "watermark": "at"}},
            "ingest.labels.watermark: 'at' needs a query: set `sql`",
            id="a watermark of files",
        ),
        pytest.param(
            {"history": {"pattern": "*.csv"}},
            "ingest.history.pattern: '*.csv' needs a folder: set `folder`",
            id="a pattern alone",
        ),
        pytest.param(
            {"history": {**QUERY, "pattern": "*.csv"}},
            "ingest.history.pattern: '*.csv' is for files in a folder: remove it",
            id="a pattern beside a query",
        ),
        pytest.param(
            {"history": {"folder": "incoming"}},
            "ingest.history.folder: 'incoming' is not an absolute path: begin it with /",
            id="a relative path",
        ),
        pytest.param(
            {"history": {"folder": "s3://"}},
            "ingest.history.folder: 's3://' is not the URL of a folder: write it as "
            "s3://bucket/folder",
            id="a bucket without a name",
        ),
        pytest.param(
            {"history": {"folder": "s3://key:hunter2@bucket/in"}},
            "ingest.history.folder: a URL must not hold a key: set it in the environment of the "
            "scheduler",
            id="a bucket with a key, which is not shown",
        ),
        pytest.param(
            {"history": {"folder": "/data", "pattern": " "}},
            "ingest.history.pattern: ' ' is empty: write * for all files",
            id="an empty pattern",
        ),
        pytest.param(
            {"history": {**QUERY, "lag": "-PT1H"}},
            "ingest.history.lag: -1 day, 23:00:00 must not be negative",
            id="a negative lag",
        ),
        pytest.param(
            {"history": {**QUERY, "query": "SELECT 1"}},
            "ingest.history.query: 'SELECT 1' is not a setting: known are "
            "ingest.history.connection, ingest.history.sql, ingest.history.watermark, "
            "ingest.history.lag, ingest.history.folder, ingest.history.pattern",
            id="an unknown key",
        ),
        pytest.param(
            {"history": {**QUERY, "watermark": 7}},
            "ingest.history.watermark: 7 must be text",
            id="a number for text",
        ),
    ],
)
def test_settings_that_can_not_work_say_why(ingest: dict[str, Any], message: str) -> None:
    with pytest.raises(UseCaseError) as refused:
        parsed(ingest)
    assert str(refused.value) == f"fraud/policy.yaml: {message}"


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("a > :watermark", True),
        ("a>:watermark::timestamptz", True),
        ("(:watermark)", True),
        ("a::watermark", False),
        ("a > :watermarks", False),
        ("b:watermark", False),
    ],
)
def test_the_parameter_is_told_from_casts_and_other_names(sql: str, found: bool) -> None:
    assert bool(WATERMARK.search(sql)) is found
