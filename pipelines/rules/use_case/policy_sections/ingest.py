"""Where the ingest DAG reads labelled history and labels, and when."""

from datetime import timedelta

from pipelines.rules.use_case.policy_sections.values import (
    Duration,
    OptionalSchedule,
    PolicySection,
    Text,
)


class HistorySource(PolicySection, frozen=True):
    """Where labelled history is read: from a query or from a folder."""

    connection: Text = ""
    """Id of the Airflow connection of the database."""
    sql: Text = ""
    """Query with the columns of the contract and the `watermark` column. It selects the rows that
    changed after `:watermark`, which is bound as a parameter."""
    watermark: Text = ""
    """Column of the query with the time at which a row changed."""
    lag: Duration = timedelta(hours=1)
    """How far before the newest change rows are read again, because others were committed late."""
    folder: Text = ""
    """Folder of files instead of a query: an absolute path, or a URL such as `s3://bucket/in`."""
    pattern: Text = "*"
    """Names of the files below the folder, with `*` for any text, such as `*.parquet`."""

    @property
    def is_set(self) -> bool:
        """Whether anything is read."""
        return bool(self.sql or self.folder)


class LabelSource(PolicySection, frozen=True):
    """Where labels of predictions are read: from a query or from a folder."""

    connection: Text = ""
    """Id of the Airflow connection of the database."""
    sql: Text = ""
    """Query with the transaction id, the label and the `watermark` column. It selects the labels
    that were found after `:watermark`, which is bound as a parameter."""
    watermark: Text = ""
    """Column of the query with the time at which a label was entered or changed."""
    lag: Duration = timedelta(hours=1)
    """How far before the newest label they are read again, because others were committed late."""
    labelled_at: Text = ""
    """Column with the time of the finding. By default the watermark column of a query, and
    `labelled_at` of files."""
    folder: Text = ""
    """Folder of files instead of a query: an absolute path, or a URL such as `s3://bucket/in`."""
    pattern: Text = "*"
    """Names of the files below the folder, with `*` for any text, such as `labels-*.csv`."""

    @property
    def is_set(self) -> bool:
        """Whether anything is read."""
        return bool(self.sql or self.folder)


class Ingest(PolicySection, frozen=True):
    """Where the DAG `<use case>_ingest` reads, and when. Without a source there is no such DAG."""

    schedule: OptionalSchedule = ""
    """When a run starts. Without a schedule and an asset, a person starts it."""
    asset: Text = ""
    """Name or URI of an asset of your own, such as `warehouse://chargebacks`. A run starts when it
    is updated."""
    history: HistorySource = HistorySource()
    """Where labelled history is read: from a query or from a folder."""
    labels: LabelSource = LabelSource()
    """Where labels of predictions are read: from a query or from a folder."""

    @property
    def is_set(self) -> bool:
        """Whether anything is read."""
        return self.history.is_set or self.labels.is_set
