"""Write Evidently's drift report of a sample of the window.

A report is written when an alert opens, and at the policy's interval without one.
"""

import gzip
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.errors import EvidenceError, StepSkipped
from pipelines.records import Metric
from pipelines.rules.data.frame import Frame
from pipelines.rules.monitoring.alert_rules import reference_version
from pipelines.rules.monitoring.drift_check import BASELINE, SHARE
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.steps.monitoring.newest_check import require_current
from pipelines.stores.baseline import read_baseline
from pipelines.stores.dataset import historical

log = logging.getLogger(__name__)
PREFIX = "drift-"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
SUFFIX = ".html.gz"


def run(context: Context) -> dict[str, Any]:
    """Write a report, link it to the alerts that this check raised, and remove old reports.

    Skips when there is no new alert and the last report is recent, and with too few predictions.
    """
    window = _window(context)
    require_current(context)
    artifacts = context.artifacts
    time = f"{context.as_of.astimezone(UTC):{TIME_FORMAT}}"
    name = f"{PREFIX}{time}{SUFFIX}"
    pages = artifacts.reports(f"{PREFIX}*{SUFFIX}")
    times = {page: _time_of(page) for page in pages if page != name}
    _require_reason(context, times.values())
    if window.value is None:
        raise StepSkipped(f"{window.n} predictions are too few for a report")
    html = _html(context, window)
    artifacts.report(name, gzip.compress(html.encode(), mtime=0))
    context.alerts.attach(context.name, context.run_id, name)
    oldest = context.as_of - context.use_case.policy.report.keep
    for page, page_time in times.items():
        if page_time < oldest:
            artifacts.forget_report(page)
    log.info("wrote %s", name)
    return {"report": name}


def _window(context: Context) -> Metric:
    """The drift share of the window, compared with the reference of the alerts."""
    metrics = context.metrics.of_check(context.name, context.run_id)
    if not metrics:
        raise EvidenceError(
            f"drift check {context.run_id} has no metrics: run its measure step first"
        )
    version = reference_version(metrics, context.use_case.policy)
    return next(
        metric for metric in metrics if metric.metric == SHARE and metric.model_version == version
    )


def _time_of(page: str) -> datetime:
    page_format = f"{PREFIX}{TIME_FORMAT}{SUFFIX}"
    return datetime.strptime(page, page_format).replace(tzinfo=UTC)


def _require_reason(context: Context, times: Iterable[datetime]) -> None:
    """Raise StepSkipped unless this check opened an alert or the last report is old enough."""
    last = max(times, default=None)
    new_alerts = [
        alert
        for alert in context.alerts.open(context.name)
        if alert.check_id == context.run_id and alert.report is None
    ]
    if new_alerts or last is None:
        return
    if context.as_of - last < context.use_case.policy.report.every:
        raise StepSkipped(f"no alert opened, and the last report is of {last:%Y-%m-%d %H:%M} UTC")


def _html(context: Context, window: Metric) -> str:
    # Evidently takes seconds to import, and is needed for a report only.
    from pipelines.reporting.evidently_report import drift_page

    use_case = context.use_case
    limit = use_case.policy.report.rows
    sample = context.predictions.sample(
        context.name,
        window.window_start,
        window.window_end,
        limit=limit,
        of=window.n,
    )
    return drift_page(
        use_case.contract,
        reference=_reference(context, window.model_version, limit),
        current=context.converter.rows(sample),
        drift=use_case.policy.drift,
    )


def _reference(context: Context, version: int, limit: int) -> NDArray[np.float64]:
    """Evenly drawn rows of the reference of the alerts: a model's evaluation data, or the baseline.

    The baseline is used as well when the evaluation data are no longer stored.
    """
    contract = context.use_case.contract
    if version != BASELINE:
        model = context.models.get(context.name, version)
        decision = context.decisions.of_run(context.name, model.run_id)
        holdout = (decision.dataset or {}).get("holdout")
        if holdout in context.artifacts.ids("datasets"):
            own = context.models.contract(model.contract_hash, contract)
            rows = Frame.of(context.artifacts.load("datasets", holdout), own)
            return Projection(own, contract).complete(_evenly_drawn(rows, limit))
        log.warning(
            "the evaluation data of version %s are no longer stored: "
            "the report compares with the baseline",
            version,
        )
    baseline = read_baseline(context.use_case.folder, contract)
    return _evenly_drawn(historical(baseline, contract), limit)


def _evenly_drawn(rows: Frame, limit: int) -> NDArray[np.float64]:
    n = len(rows)
    positions = np.linspace(0, n - 1, min(limit, n)).astype(int)
    unique = np.unique(positions)
    return np.asarray(rows.features[unique])
