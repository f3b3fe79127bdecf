"""Gather the run's rows, check them against the contract, and fix them as the dataset that trains and judges."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from pipelines.errors import DataError
from pipelines.records import Decision
from pipelines.rules.bands import Parts, coverage
from pipelines.rules.ledger import champion
from pipelines.rules.schema import failures, summary
from pipelines.rules.split import holdout_cut
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline
from pipelines.stores.dataset import Frame
from pipelines.wiring import Context

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Write train and held-out rows under the names their content gives them; too many bad rows end the run."""
    decision = context.decisions.of_run(context.name, context.run_id)
    served = champion(context.ledger.recent(context.name))
    source, history, frame, kept = _gather(context, decision, has_champion=served is not None)
    frame = _without_bad_rows(context, frame)
    labelled = frame.take(frame.labels >= 0)
    if not len(labelled):
        return _stop(context, "INSUFFICIENT", "no labelled row lies in the window: post labels, or name a snapshot")
    cut = holdout_cut(labelled.event_times, context.use_case.policy.evaluation.holdout)
    before, holdout = labelled.split(cut)
    train, judged = dataset.concatenate([before, kept.split(cut)[0]]), frame.split(cut)[1]
    if len(np.unique(train.labels)) < 2:
        return _stop(context, "INSUFFICIENT", f"the {len(train)} training rows hold one class only: wait for more labels")
    written = {
        "train": context.artifacts.save("datasets", train.table(context.use_case.contract)),
        "holdout": context.artifacts.save("datasets", holdout.table(context.use_case.contract)),
        "history": history,
        "train_rows": len(train),
        "holdout_rows": len(holdout),
        "holdout_positives": int(holdout.labels.sum()),
        "predictions": len(judged),
        "coverage": _coverage(judged),
        "window": [str(frame.event_times.min()), str(frame.event_times.max())],
        "cut": str(cut),
    }
    context.decisions.set_dataset(
        context.name,
        context.run_id,
        dataset=written,
        evidence_source=source,
        champion_version=served.version if served else None,
    )
    log.info("%s rows train, %s are held out from %s on (%s)", f"{len(train):,}", f"{len(holdout):,}", cut, source)
    return {"train": written["train"], "holdout": written["holdout"], "evidence_source": source}


def _gather(context: Context, decision: Decision, *, has_champion: bool) -> tuple[str, str, Frame, Frame]:
    """Evidence source, history's name, the rows to judge on (and train on before the cut), and older rows that only train."""
    contract, policy = context.use_case.contract, context.use_case.policy
    snapshot = context.params.get("snapshot") or None
    if snapshot:
        rows = dataset.historical(context.artifacts.load("snapshots", snapshot), contract)
        return "INGESTED", snapshot, rows, rows.take(np.zeros(len(rows), bool))
    history = _history(context)
    table = (
        read_baseline(context.use_case.folder, contract)
        if history == "reference"
        else context.artifacts.load("snapshots", history)
    )
    rows = dataset.historical(table, contract)
    if not has_champion:
        return "REFERENCE", history, rows, rows.take(np.zeros(len(rows), bool))
    matured_before = decision.as_of - policy.label_maturity
    found = dataset.logged(
        context.settings, contract, since=matured_before - policy.evaluation.window, matured_before=matured_before,
        as_of=decision.as_of,
    )  # fmt: skip
    return "LOGGED", history, found, rows


def _coverage(frame: Frame) -> Parts:
    """By band of the scores that were logged; nothing of rows that were never scored."""
    return coverage(frame.scores, frame.thresholds, frame.labels >= 0)


def _history(context: Context) -> str:
    """What the champion was first trained on goes on training its successors: a snapshot's id, or the reference."""
    for entry in context.ledger.recent(context.name):
        if entry.state == "DONE" and entry.decision_id:
            found = context.decisions.get(context.name, entry.decision_id).dataset or {}
            return str(found.get("history", "reference"))
    return "reference"


def _without_bad_rows(context: Context, frame: Frame) -> Frame:
    """Check all rows at once and keep a report; bad ones are put aside up to the policy's share."""
    contract, share = context.use_case.contract, context.use_case.policy.validation.quarantine_share
    raw = pd.DataFrame(frame.features[:, : len(contract.raw)], columns=list(contract.raw))
    raw["label"] = np.maximum(frame.labels, 0)
    found = failures(raw, contract)
    bad = np.zeros(len(frame), bool)
    bad[found["index"].dropna().astype(int).unique()] = True
    report = {"rows": len(frame), "bad_rows": int(bad.sum()), "failures": summary(found)}
    path = context.artifacts.report(f"validation-{_safe(context.run_id)}.json", report)
    log.info("%s of %s rows break the contract; report %s", int(bad.sum()), f"{len(frame):,}", path)
    if bad.sum() > share * len(frame):
        reason = f"{bad.sum()} of {len(frame)} rows break the contract, more than {share:.1%}: see {path.name}"
        _stop(context, "REJECTED", reason)
    if bad.any():
        context.artifacts.save("quarantine", frame.take(bad).table(contract))
    return frame.take(~bad)


def _stop(context: Context, verdict: str, reason: str) -> dict[str, Any]:
    """Record why the run ends here, and end it."""
    context.decisions.decide(context.name, context.run_id, verdict=verdict, reason=reason)
    raise DataError(reason)


def _safe(run_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in run_id)
