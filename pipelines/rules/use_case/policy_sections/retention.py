"""How long rows and files are kept."""

from datetime import timedelta

from pipelines.rules.use_case.policy_sections.values import PolicySection, PositiveDuration


class Retention(PolicySection, frozen=True):
    """How long rows are kept in the database, and files in the artifact store."""

    predictions: PositiveDuration = timedelta(days=400)
    """Predictions and explanations. At least `evaluation.window`; retraining reads rows that are
    older by `label_maturity`."""
    metrics: PositiveDuration = timedelta(days=400)
    """Metrics and counts of drift checks."""
    snapshots: PositiveDuration = timedelta(days=400)
    """Ingested snapshots that no registered model, open decision or candidate uses."""
    datasets: PositiveDuration = timedelta(days=400)
    """Datasets of runs, under the same condition."""
    history: PositiveDuration = timedelta(days=400)
    """Rows of history that the ingest DAG imported, since they were imported or changed, and its
    notes of imported labels. Labels themselves are never deleted."""
    quarantine: PositiveDuration = timedelta(days=90)
    """Quarantined rows, with the reasons why they were refused."""
    reports: PositiveDuration = timedelta(days=400)
    """Reports on validation and explanations. Drift reports are kept for `report.keep`."""
    jobs: PositiveDuration = timedelta(days=30)
    """Uploaded files that were scored, and their results, from the request on."""
    logs: PositiveDuration = timedelta(days=90)
    """Logs of the tasks of the DAGs."""
