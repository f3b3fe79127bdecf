"""Draw Evidently's page of the window on a sample: when an alert opens, and now and then without one."""

import gzip
import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.context import Context
from pipelines.errors import EvidenceError, StepSkipped
from pipelines.records import Metric
from pipelines.rules.data.frame import Frame
from pipelines.rules.data.time_split import tune_cut
from pipelines.rules.monitoring.alert_rules import driving
from pipelines.rules.monitoring.drift_check import BASELINE, SHARE
from pipelines.steps.monitoring.newest_check import require_current
from pipelines.stores.baseline import read_baseline
from pipelines.stores.dataset import historical

log = logging.getLogger(__name__)
PREFIX, STAMP, SUFFIX = "drift-", "%Y%m%dT%H%M%SZ", ".html.gz"


def run(context: Context) -> dict[str, Any]:
    """Write one page, link it to the alerts that this check raised, and let go of old ones; skip when there is no need."""
    policy, window = context.use_case.policy.report, _window(context)
    require_current(context)
    alerts = [
        a
        for a in context.alerts.open(context.name)
        if a.check_id == context.run_id and a.report is None
    ]
    pages = context.artifacts.reports(f"{PREFIX}*{SUFFIX}")
    name = f"{PREFIX}{context.as_of.astimezone(UTC):{STAMP}}{SUFFIX}"
    times = [
        datetime.strptime(page, f"{PREFIX}{STAMP}{SUFFIX}").replace(tzinfo=UTC)
        for page in pages
        if page != name
    ]
    if not alerts and times and context.as_of - max(times) < policy.every:
        raise StepSkipped(
            f"no alert opened, and the last page is of {max(times):%Y-%m-%d %H:%M} UTC"
        )
    if window.value is None:
        raise StepSkipped(f"{window.n} predictions are too few for a page")
    context.artifacts.report(name, _page(context, window))
    context.alerts.attach(context.name, context.run_id, name)
    for page, made in zip([page for page in pages if page != name], times, strict=True):
        if context.as_of - made > policy.keep:
            context.artifacts.forget_report(page)
    log.info("wrote %s", name)
    return {"report": name, "page": f"/sixgate/drift/{context.name}/reports/{name}"}


def _window(context: Context) -> Metric:
    figures = context.metrics.of_check(context.name, context.run_id)
    if not figures:
        raise EvidenceError(f"check {context.run_id} has no figures: run its measure step first")
    version = driving(figures, context.use_case.policy)
    return next(m for m in figures if m.metric == SHARE and m.model_version == version)


def _page(context: Context, window: Metric) -> bytes:
    from pipelines.reporting.evidently_report import (
        drift_page,
    )  # takes seconds, and is not needed where there is no page

    n = context.use_case.policy.report.rows
    current = context.predictions.sample(
        context.name,
        context.use_case.contract.hash,
        window.window_start,
        window.window_end,
        limit=n,
        of=window.n,
    )
    html = drift_page(
        context.use_case.contract,
        _reference(context, window.model_version, n),
        current,
        context.use_case.policy.drift,
    )
    return gzip.compress(html.encode(), mtime=0)


def _reference(context: Context, version: int, n: int) -> NDArray[np.float64]:
    """Evenly drawn rows of what the alerts compare with, the newest training rows; of the baseline when these are gone."""
    contract = context.use_case.contract
    if version != BASELINE:
        trained_on = context.models.get(context.name, version).data_hash
        if trained_on in context.artifacts.ids("datasets"):
            rows = Frame.of(context.artifacts.load("datasets", trained_on), contract)
            return _some(rows.take(slice(tune_cut(len(rows)), None)), n)
        log.warning(
            "what version %s was trained on is gone from the artifacts: the page shows the baseline",
            version,
        )
    return _some(historical(read_baseline(context.use_case.folder, contract), contract), n)


def _some(rows: Frame, n: int) -> NDArray[np.float64]:
    return np.asarray(
        rows.features[np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int))]
    )
