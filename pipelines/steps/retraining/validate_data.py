"""Gather the run's rows, check them one by one and as a whole, and fix them as the dataset that trains and judges."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.context import Context
from pipelines.errors import DataError
from pipelines.records import Decision
from pipelines.rules.data import dataset_checks
from pipelines.rules.data.dataset_checks import Common, Finding
from pipelines.rules.data.frame import Frame, concatenate
from pipelines.rules.data.pandera_schema import failures, positions, reasons, summary
from pipelines.rules.data.row_checks import QUARANTINED
from pipelines.rules.data.time_split import holdout_cut, tune_cut
from pipelines.rules.gates.score_bands import Parts, coverage
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gathered:
    """The rows to judge on (and train on before the cut), older ones that only train, and where they come from."""

    source: str
    history: str
    frame: Frame
    older: Frame
    common: Common
    refused: int = 0  # rows of a snapshot's file that were put aside when it was ingested


def run(context: Context) -> dict[str, Any]:
    """Write train and held-out rows under the names their content gives them; data that can't be trusted end the run."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict is not None:
        return _recorded(decision)
    served = champion(context.ledger.recent(context.name))
    rows = _gather(context, decision, has_champion=served is not None)
    frame, warnings = _checked(context, rows, decision)
    labelled = frame.take(frame.labels >= 0)
    if not len(labelled):
        return _stop(context, "INSUFFICIENT", _nothing(context, len(frame)))
    cut = holdout_cut(labelled.event_times, context.use_case.policy.evaluation.holdout)
    before, holdout = labelled.split(cut)
    train, judged = (
        concatenate([before, rows.older.without(labelled.transaction_ids).split(cut)[0]]),
        frame.split(cut)[1],
    )
    if len(np.unique(train.labels)) < 2:
        return _stop(
            context,
            "INSUFFICIENT",
            f"the {len(train)} training rows hold one class only: wait for more labels",
        )
    warnings += _known_to(context, served, holdout)
    written = {
        "train": context.artifacts.save("datasets", train.table(context.use_case.contract)),
        "holdout": context.artifacts.save("datasets", holdout.table(context.use_case.contract)),
        "history": rows.history,
        "source": rows.source,
        "train_rows": len(train),
        "train_from": str(train.event_times[0]),
        "tune_from": str(train.event_times[tune_cut(len(train))]),
        "holdout_rows": len(holdout),
        "holdout_positives": int(holdout.labels.sum()),
        "predictions": len(judged),
        "coverage": _coverage(judged),
        "window": [str(frame.event_times.min()), str(frame.event_times.max())],
        "cut": str(cut),
        "warnings": warnings,
    }
    context.decisions.set_dataset(
        context.name,
        context.run_id,
        dataset=written,
        evidence_source=rows.source,
        champion_version=served.version if served else None,
    )
    log.info(
        "%s rows train, %s are held out from %s on (%s)",
        f"{len(train):,}",
        f"{len(holdout):,}",
        cut,
        rows.source,
    )
    return {
        "train": written["train"],
        "holdout": written["holdout"],
        "evidence_source": rows.source,
    }


def _recorded(decision: Decision) -> dict[str, Any]:
    """What a decided run was judged on; DataError when it ended at this step."""
    if decision.dataset is None:
        raise DataError(
            f"decision {decision.id} is decided ({decision.verdict}): {decision.reason}; trigger a new run"
        )
    log.info(
        "decision %s was decided before (%s): its record stays as it is",
        decision.id,
        decision.verdict,
    )
    names = ("train", "holdout")
    return {name: decision.dataset[name] for name in names} | {
        "evidence_source": decision.evidence_source
    }


def _gather(context: Context, decision: Decision, *, has_champion: bool) -> Gathered:
    contract, policy, settings = (
        context.use_case.contract,
        context.use_case.policy,
        context.settings,
    )
    snapshot = context.params.get("snapshot") or None
    if snapshot:
        rows = dataset.historical(context.artifacts.load("snapshots", snapshot), contract)
        common = dataset.also_logged(
            settings, contract, rows, decision.as_of, policy.evaluation.window
        )
        refused = int(context.artifacts.notes("snapshots", snapshot).get(QUARANTINED, 0))
        return Gathered("INGESTED", snapshot, rows, rows.none(), common, refused)
    history = _history(context)
    table = (
        read_baseline(context.use_case.folder, contract)
        if history == "reference"
        else context.artifacts.load("snapshots", history)
    )
    rows = dataset.historical(table, contract)
    if not has_champion:
        return Gathered("REFERENCE", history, rows, rows.none(), dataset.no_common_rows(contract))
    matured_before = decision.as_of - policy.label_maturity
    found = dataset.logged(
        settings,
        contract,
        since=matured_before - policy.evaluation.window,
        matured_before=matured_before,
        as_of=decision.as_of,
    )
    return Gathered(
        "LOGGED", history, found, rows, dataset.also_ingested(context.artifacts, contract, found)
    )


def _known_to(context: Context, served: Served | None, holdout: Frame) -> list[str]:
    """A warning when the champion was trained on rows that are held out now, as a snapshot of older days may hold."""
    made = (
        entry
        for entry in context.ledger.recent(context.name, limit=1000)
        if entry.state == "DONE" and entry.decision_id
    )
    decision = next(
        (entry.decision_id for entry in made if served and entry.to_version == served.version), None
    )
    trained = (
        (context.decisions.get(context.name, decision).dataset or {}).get("train")
        if decision
        else None
    )
    if trained is None or trained not in context.artifacts.ids("datasets"):
        return []
    known = len(holdout) - len(
        holdout.without(context.artifacts.load("datasets", trained)["transaction_id"])
    )
    if not known:
        return []
    words = f"the champion was trained on {known:,} of the {len(holdout):,} held-out rows: the comparison favours it"
    log.warning("%s", words)
    return [words]


def _nothing(context: Context, predictions: int) -> str:
    """Why there is no labelled row, and what to do."""
    if predictions:
        return f"none of {predictions:,} predictions in the window is labelled: post labels, or name a snapshot"
    window = context.use_case.policy.evaluation.window.days
    return f"nothing that matured within {window} days was logged under this contract: see whether predictions are still logged"


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


def _checked(context: Context, rows: Gathered, decision: Decision) -> tuple[Frame, list[str]]:
    """Check everything, keep a report of all that was found, then end the run or return the good rows and the warnings."""
    frame, contract = rows.frame, context.use_case.contract
    raw = pd.DataFrame(frame.features[:, : len(contract.raw)], columns=list(contract.raw))
    raw["label"] = np.maximum(frame.labels, 0)
    broken = failures(raw, contract)
    bad = np.zeros(len(frame), bool)
    bad[positions(broken)] = True
    findings = [*_too_many_bad(context, int(bad.sum()), len(bad), rows.refused)]
    if len(frame):
        findings += _whole(context, rows, decision)
    grouped = summary(broken)
    report = {
        "rows": len(frame),
        "bad_rows": int(bad.sum()),
        "quarantined_when_ingested": rows.refused,
        "rows_logged_and_ingested": len(rows.common.positions),
        "failures": [
            {"samples": frame.samples(each.pop("positions"), (each["column"],), contract)} | each
            for each in grouped
        ],
        "findings": [_told(finding, frame, context) for finding in findings],
    }
    path = context.artifacts.report(f"validation-{_safe(context.run_id)}.json", report)
    if bad.any():
        refused = frame.take(bad).table(contract).append_column("reason", pa.array(reasons(broken)))
        context.artifacts.save("quarantine", refused)
    log.info("%s of %s rows break the contract; report %s", int(bad.sum()), f"{len(frame):,}", path)
    for finding in findings:
        log.log(logging.ERROR if finding.verdict else logging.WARNING, "%s", finding.reason)
    if serious := [finding for finding in findings if finding.verdict]:
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        _stop(context, serious[0].verdict, f"{serious[0].reason}{more}: see {path.name}")
    return frame.take(~bad), [finding.reason for finding in findings]


def _too_many_bad(context: Context, bad: int, rows: int, refused: int) -> Iterator[Finding]:
    share, all_bad, everything = (
        context.use_case.policy.validation.quarantine_share,
        bad + refused,
        rows + refused,
    )
    if all_bad > share * everything:
        reason = f"{all_bad:,} of {everything:,} rows break the contract, more than {share:.1%}"
        reason += (
            f" ({refused:,} of them were put aside when the file was ingested)" if refused else ""
        )
        yield Finding(
            check="contract",
            columns=(),
            observed=all_bad / everything,
            threshold=share,
            reason=reason,
        )


def _whole(context: Context, rows: Gathered, decision: Decision) -> Iterator[Finding]:
    """What is wrong with the rows as a whole, against the baseline and the policy."""
    contract, policy = context.use_case.contract, context.use_case.policy
    limits, frame = policy.validation, rows.frame
    reference = dataset.historical(read_baseline(context.use_case.folder, contract), contract)
    raw, usual, names = (
        frame.features[:, : len(contract.raw)],
        reference.features[:, : len(contract.raw)],
        contract.raw,
    )
    labels = frame.labels[frame.labels >= 0]
    yield from dataset_checks.missing(
        raw, np.isnan(usual).mean(axis=0), names, share=limits.missing_share
    )
    yield from dataset_checks.skew(rows.common, names, share=limits.skew_share)
    yield from dataset_checks.leaks(raw, frame.labels, names, auc=limits.leak)
    yield from dataset_checks.label_share(
        labels, float(reference.labels.mean()), contract.label.name, factor=limits.label_factor
    )
    if rows.source == "LOGGED":
        due = np.datetime64((decision.as_of - policy.label_maturity).replace(tzinfo=None), "us")
        yield from dataset_checks.stale(frame.event_times[-1], due, limit=limits.freshness)
    yield from dataset_checks.copies(raw, names)
    yield from dataset_checks.outside(raw, usual, names, share=limits.outside_share)


def _told(finding: Finding, frame: Frame, context: Context) -> dict[str, Any]:
    """A finding as the report tells it, with some of its rows."""
    told = {
        name: getattr(finding, name)
        for name in ("check", "columns", "observed", "threshold", "verdict", "reason")
    }
    return told | {
        "samples": frame.samples(finding.rows, finding.columns, context.use_case.contract)
    }


def _stop(context: Context, verdict: str, reason: str) -> dict[str, Any]:
    """Record why the run ends here, and end it."""
    context.decisions.decide(context.name, context.run_id, verdict=verdict, reason=reason)
    raise DataError(reason)


def _safe(run_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in run_id)
