"""Gather the rows of a run, check each row and the whole, and store them as the run's datasets."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, NoReturn

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.context import Context
from pipelines.errors import DataError
from pipelines.records import Decision
from pipelines.rules.data import dataset_checks, id_split
from pipelines.rules.data.dataset_checks import Common, Finding
from pipelines.rules.data.frame import Frame, concatenate
from pipelines.rules.data.missing_codes import missing_codes
from pipelines.rules.data.pandera_schema import failures, positions, reasons, summary
from pipelines.rules.data.time_split import holdout_cut, tune_cut, why_no_day, why_uneven
from pipelines.rules.data.window_checks import window_warnings
from pipelines.rules.gates.score_bands import Parts, coverage
from pipelines.rules.ingestion.row_checks import QUARANTINED
from pipelines.rules.promotion.ledger import Served, champion, promoting_decision
from pipelines.rules.training.reference_rows import (
    FROM_BASELINE,
    IMPORTED,
    NO_HISTORY,
    REFERENCE,
    real_rows_suffice,
    reference_warning,
)
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.file_retention import report_name
from pipelines.rules.use_case.policy_sections.gates import Evaluation
from pipelines.rules.use_case.spellings import AHEAD
from pipelines.steps.champion_evidence import decision_of_champion
from pipelines.stores import dataset
from pipelines.stores.baseline import read_baseline

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The rows of a run.

    `frame` holds the rows to evaluate on; those before the cut also train. `older` holds rows that
    only train. `source` and `history` say where both come from. `quarantined` counts the rows of a
    snapshot's file that were quarantined when it was ingested. `accepted_by` holds the contract's
    rules, and those of earlier contracts that some rows were accepted under. `absent` names the
    columns that some of these do not have.
    """

    source: str
    history: str
    frame: Frame
    older: Frame
    common: Common
    accepted_by: Contract
    absent: Collection[str]
    quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class Split:
    """Rows that train and rows that are held out.

    `cut` is the first event time of the held-out rows. `before_cut` and `after_cut` also hold the
    rows without a label; a split by id leaves `before_cut` empty.
    """

    cut: np.datetime64
    train: Frame
    holdout: Frame
    before_cut: Frame
    after_cut: Frame

    @property
    def tuning(self) -> Frame:
        """The training rows that tune the model."""
        return self.train.take(slice(tune_cut(len(self.train)), None))

    @property
    def tune_from(self) -> np.datetime64:
        """The first event time of the training rows that tune the model."""
        first: np.datetime64 = self.tuning.event_times.min()
        return first

    @property
    def tune_coverage(self) -> Parts:
        """By score band, the labelled rows and all rows of the time of the tuning rows."""
        _, rows = self.before_cut.split(self.tune_from)
        return coverage(rows.scores, rows.thresholds, rows.labels >= 0)


def run(context: Context) -> dict[str, Any]:
    """Store training and held-out rows as datasets, named by their content.

    Raises DataError, and decides the run, when the data can't be used for training.
    """
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict is not None:
        return _recorded(decision)
    served = champion(context.ledger.recent(context.name))
    gathered = _gather(context, decision, has_champion=served is not None)
    rows, future = _without_future(gathered, decision)
    frame, warnings = _check(context, rows, decision)
    warnings += future
    split = _split(context, rows, frame)
    warnings += _split_warnings(context, frame, split)
    if warning := reference_warning(_reference_rows(rows, split), len(split.train)):
        log.warning("%s", warning)
        warnings.append(warning)
    warnings += _overlap(context, served, split.holdout)
    window = [str(frame.event_times.min()), str(frame.event_times.max())]
    record = _store(context, rows, split) | {"window": window, "warnings": warnings}
    context.decisions.set_dataset(
        context.name,
        context.run_id,
        dataset=record,
        evidence_source=rows.source,
        champion_version=served.version if served else None,
    )
    log.info(
        "%s rows train, %s are held out, %s (%s)",
        f"{len(split.train):,}",
        f"{len(split.holdout):,}",
        split.holdout.period,
        rows.source,
    )
    return {
        "train": record["train"],
        "holdout": record["holdout"],
        "evidence_source": rows.source,
    }


def _recorded(decision: Decision) -> dict[str, Any]:
    """Return the datasets of a decided run; raises DataError when it ended at this step."""
    if decision.dataset is None:
        raise DataError(
            f"decision {decision.id} is decided ({decision.verdict}): {decision.reason}; "
            "trigger a new run"
        )
    log.info(
        "decision %s is decided already (%s): its record stays as it is",
        decision.id,
        decision.verdict,
    )
    return {
        "train": decision.dataset["train"],
        "holdout": decision.dataset["holdout"],
        "evidence_source": decision.evidence_source,
    }


def _gather(context: Context, decision: Decision, *, has_champion: bool) -> Gathered:
    """Read a snapshot that the run names, else the log, or the history if there is no champion."""
    contract = context.use_case.contract
    if snapshot := _snapshot(context, has_champion=has_champion):
        return _gather_snapshot(context, decision, snapshot)
    if not has_champion or context.params.get("reference"):
        return _gather_reference(context)
    history = _history(context)
    if history == NO_HISTORY:
        return _gather_logged(context, decision, history, older=None)
    if history == FROM_BASELINE:
        table = read_baseline(context.use_case.folder, contract)
    else:
        table = context.artifacts.load("snapshots", history)
    older = dataset.historical(table, contract)
    return _gather_logged(context, decision, history, older=older)


def _snapshot(context: Context, *, has_champion: bool) -> str | None:
    """Return the snapshot that the run names; for a first model, that of the imported history.

    None when the run names no snapshot and nothing was imported, or when the log is read.
    """
    named = context.params.get("snapshot")
    is_first = not has_champion and not context.params.get("reference")
    if named == IMPORTED or (not named and is_first and context.imports.has_rows(context.name)):
        return context.ingested.snapshot()
    return str(named) if named else None


def _gather_reference(context: Context) -> Gathered:
    """Read the baseline, which trains only when a person asks for it."""
    if not context.params.get("reference"):
        raise DataError(
            "no model is in Production and the run names no snapshot: ingest labelled rows and "
            "name them in the param `snapshot`, or set `reference` to train on the baseline"
        )
    contract = context.use_case.contract
    table = read_baseline(context.use_case.folder, contract)
    rows = dataset.historical(table, contract)
    return Gathered(
        source=REFERENCE,
        history=FROM_BASELINE,
        frame=rows,
        older=rows.none(),
        common=dataset.no_common_rows(contract),
        accepted_by=dataset.accepted_by(table.schema, contract),
        absent=dataset.absent_from(table.schema, contract),
    )


def _without_future(rows: Gathered, decision: Decision) -> tuple[Gathered, list[str]]:
    """Leave out rows whose event time is in the future; return the others, and a warning.

    Ingestion refuses such rows by now, and an earlier release stored them. They would be the
    newest rows, so all of them would be held out.
    """
    latest = (decision.as_of + AHEAD).astimezone(UTC).replace(tzinfo=None)
    end = np.datetime64(latest, "us") + 1
    frame, future = rows.frame.split(end)
    older, older_future = rows.older.split(end)
    n = len(future) + len(older_future)
    if not n:
        return rows, []
    warning = (
        f"{n:,} rows have an event time more than a day in the future and are left out: "
        "correct the times and ingest the file again"
    )
    log.warning("%s", warning)
    return replace(rows, frame=frame, older=older), [warning]


def _gather_snapshot(context: Context, decision: Decision, snapshot: str) -> Gathered:
    contract = context.use_case.contract
    window = context.use_case.policy.evaluation.window
    table = context.artifacts.load("snapshots", snapshot)
    rows = dataset.historical(table, contract)
    notes = context.artifacts.notes("snapshots", snapshot)
    absent = dataset.absent_from(table.schema, contract)
    return Gathered(
        source="INGESTED",
        history=snapshot,
        frame=rows,
        older=rows.none(),
        common=dataset.also_logged(
            context.settings,
            context.converter,
            rows,
            as_of=decision.as_of,
            window=window,
            absent=absent,
        ),
        accepted_by=dataset.accepted_by(table.schema, contract),
        absent=absent,
        quarantined=int(notes.get(QUARANTINED, 0)),
    )


def _gather_logged(
    context: Context, decision: Decision, history: str, *, older: Frame | None
) -> Gathered:
    policy = context.use_case.policy
    matured_before = decision.as_of - policy.label_maturity
    rows = dataset.logged(
        context.settings,
        context.converter,
        since=matured_before - policy.evaluation.window,
        matured_before=matured_before,
        as_of=decision.as_of,
    )
    older = rows.none() if older is None else older
    if history == FROM_BASELINE and real_rows_suffice(rows.labels, policy.training):
        log.info("enough real rows are labelled: reference rows no longer train")
        history = NO_HISTORY
        older = rows.none()
    return Gathered(
        source="LOGGED",
        history=history,
        frame=rows,
        older=older,
        common=dataset.also_ingested(context.artifacts, context.converter, rows),
        accepted_by=context.converter.accepting,
        absent=context.converter.absent,
    )


def _history(context: Context) -> str:
    """Return what the champion's history is: the id of a snapshot, "reference" or "none".

    The history that trained the first model trains its successors too, the baseline only until
    there are enough real rows. What the ingest DAG imported is added to that history, and takes the
    place of the baseline.
    """
    decision = decision_of_champion(context, context.ledger.recent(context.name, limit=1000))
    record = decision.dataset if decision else None
    history = str((record or {}).get("history", FROM_BASELINE))
    if not context.imports.has_rows(context.name):
        return history
    base = None if history in (FROM_BASELINE, NO_HISTORY) else history
    return context.ingested.snapshot(base)


def _split(context: Context, rows: Gathered, frame: Frame) -> Split:
    """Split the rows as the policy says; ends the run when rows or a class are missing."""
    labelled = frame.take(frame.labels >= 0)
    if not len(labelled):
        _stop(context, "INSUFFICIENT", _no_label(context, len(frame)))
    evaluation = context.use_case.policy.evaluation
    only_older = rows.older.without(labelled.transaction_ids)
    if evaluation.split == "id":
        split = _split_by_id(labelled, only_older, frame, evaluation.holdout)
    else:
        split = _split_by_time(labelled, only_older, frame, evaluation.holdout)
    if not len(split.train) or not len(split.holdout):
        reason = _no_row(labelled, split, evaluation)
        _stop(context, "INSUFFICIENT", reason)
    if len(np.unique(split.train.labels)) < 2:
        reason = f"the {len(split.train)} training rows hold one class only: wait for more labels"
        _stop(context, "INSUFFICIENT", reason)
    tuning = split.tuning
    if len(np.unique(tuning.labels)) < 2:
        reason = (
            f"the {len(tuning):,} training rows that set the threshold, from "
            f"{split.tune_from} on, hold one class only: wait for more labels"
        )
        _stop(context, "INSUFFICIENT", reason)
    per_day = context.use_case.policy.training.threshold.per_day
    if per_day is not None and (short := why_no_day(tuning.event_times)):
        _stop(context, "INSUFFICIENT", short)
    return split


def _split_by_time(labelled: Frame, only_older: Frame, frame: Frame, share: float) -> Split:
    cut = holdout_cut(labelled.event_times, share)
    before, holdout = labelled.split(cut)
    older, _ = only_older.split(cut)
    before_cut, after_cut = frame.split(cut)
    return Split(
        cut=cut,
        train=concatenate([before, older]),
        holdout=holdout,
        before_cut=before_cut,
        after_cut=after_cut,
    )


def _split_by_id(labelled: Frame, only_older: Frame, frame: Frame, share: float) -> Split:
    """Training rows come in the order of their hash, so folds and tuning rows are by id too."""
    held_out = id_split.is_held_out(labelled.transaction_ids, share)
    train = concatenate(
        [
            labelled.take(~held_out),
            only_older.take(~id_split.is_held_out(only_older.transaction_ids, share)),
        ]
    )
    holdout = labelled.take(held_out)
    first = (holdout if len(holdout) else labelled).event_times[0]
    return Split(
        cut=first,
        train=train.take(id_split.order(train.transaction_ids)),
        holdout=holdout,
        before_cut=frame.none(),
        after_cut=frame.take(id_split.is_held_out(frame.transaction_ids, share)),
    )


def _no_row(labelled: Frame, split: Split, evaluation: Evaluation) -> str:
    """Return why no row trains or no row is held out."""
    share = evaluation.holdout
    uneven = why_uneven(labelled.event_times, split.cut, share)
    if evaluation.split == "time" and uneven:
        return f"no row is left to train on: {uneven}"
    return (
        f"{len(labelled):,} labelled rows are too few to hold out {share:.0%}: wait for more labels"
    )


def _split_warnings(context: Context, frame: Frame, split: Split) -> list[str]:
    """Warn of columns that a window says nothing about, and of a split that is not as asked."""
    evaluation = context.use_case.policy.evaluation
    labelled = frame.take(frame.labels >= 0)
    warnings = list(
        window_warnings(
            split.train.features,
            tune_cut(len(split.train)),
            split.holdout.features,
            context.use_case.contract,
        )
    )
    if evaluation.split == "id":
        warnings.append(id_split.COST)
    elif uneven := why_uneven(labelled.event_times, split.cut, evaluation.holdout):
        warnings.append(uneven)
    for warning in warnings:
        log.warning("%s", warning)
    return warnings


def _no_label(context: Context, predictions: int) -> str:
    """Return why there is no labelled row, and the remedy."""
    if predictions:
        return (
            f"none of {predictions:,} predictions in the window is labelled: "
            "post labels, or name a snapshot"
        )
    days = context.use_case.policy.evaluation.window.days
    return (
        f"no prediction that matured within {days} days was logged: "
        "check that predictions are still logged"
    )


def _overlap(context: Context, served: Served | None, holdout: Frame) -> list[str]:
    """Warn if the champion was trained on held-out rows; a snapshot of older days may hold some."""
    trained_on = _training_dataset(context, served) if served else None
    if trained_on is None or trained_on not in context.artifacts.ids("datasets"):
        return []
    trained_ids = context.artifacts.load("datasets", trained_on)["transaction_id"]
    overlap = len(holdout) - len(holdout.without(trained_ids))
    if not overlap:
        return []
    warning = (
        f"the champion was trained on {overlap:,} of the {len(holdout):,} held-out rows: "
        "the comparison favours it"
    )
    log.warning("%s", warning)
    return [warning]


def _training_dataset(context: Context, served: Served) -> str | None:
    """Return the id of the dataset that a version was trained on; None when it is unknown."""
    entries = context.ledger.recent(context.name, limit=1000)
    decision_id = promoting_decision(entries, served.version)
    if decision_id is None:
        return None
    decision = context.decisions.get(context.name, decision_id)
    return (decision.dataset or {}).get("train")


def _reference_rows(rows: Gathered, split: Split) -> int:
    """Return how many training rows are of the baseline; all rows of REFERENCE evidence are."""
    if rows.source == REFERENCE:
        return len(split.train)
    if rows.history != FROM_BASELINE:
        return 0
    return len(split.train) - len(split.train.without(rows.older.transaction_ids))


def _store(context: Context, rows: Gathered, split: Split) -> dict[str, Any]:
    """Store both datasets; return the record that the decision keeps of them."""
    contract = context.use_case.contract
    train = split.train
    after_cut = split.after_cut
    return {
        "train": context.artifacts.save("datasets", train.table(contract)),
        "holdout": context.artifacts.save("datasets", split.holdout.table(contract)),
        "contract_hash": contract.hash,
        "history": rows.history,
        "source": rows.source,
        "train_rows": len(train),
        "reference_rows": _reference_rows(rows, split),
        "split": context.use_case.policy.evaluation.split,
        "train_from": str(train.event_times.min()),
        "tune_from": str(split.tune_from),
        "holdout_rows": len(split.holdout),
        "holdout_positives": int(split.holdout.labels.sum()),
        "predictions": len(after_cut),
        # By score band; empty for rows that were never scored.
        "coverage": coverage(after_cut.scores, after_cut.thresholds, after_cut.labels >= 0),
        "tune_coverage": split.tune_coverage,
        "cut": str(split.cut),
    }


def _check(context: Context, rows: Gathered, decision: Decision) -> tuple[Frame, list[str]]:
    """Check the rows and store a report; return the valid rows and the warnings.

    Ends the run when a finding has a verdict. Invalid rows are stored in quarantine.
    """
    frame = rows.frame
    contract = context.use_case.contract
    invalid = _failures(rows.accepted_by, frame)
    is_bad = np.zeros(len(frame), bool)
    is_bad[positions(invalid)] = True
    bad_rows = int(is_bad.sum())
    findings = list(_too_many_bad(context, bad_rows, len(frame), rows.quarantined))
    if len(frame):
        findings += _dataset_findings(context, rows, decision)
    report = {
        "rows": len(frame),
        "bad_rows": bad_rows,
        "quarantined_when_ingested": rows.quarantined,
        "rows_logged_and_ingested": len(rows.common.positions),
        "failures": [_failure_entry(failure, frame, context) for failure in summary(invalid)],
        "findings": [_finding_entry(finding, frame, context) for finding in findings],
    }
    path = context.artifacts.report(f"validation-{report_name(context.run_id)}.json", report)
    if bad_rows:
        table = frame.take(is_bad).table(contract)
        reason = pa.array(reasons(invalid))
        context.artifacts.save("quarantine", table.append_column("reason", reason))
    log.info("%s of %s rows break the contract; report %s", bad_rows, f"{len(frame):,}", path)
    _require_no_verdict(context, findings, path.name)
    return frame.take(~is_bad), [finding.reason for finding in findings]


def _failures(contract: Contract, frame: Frame) -> pd.DataFrame:
    """Check each row against the contract; an unlabelled row is checked as a negative."""
    names = list(contract.raw)
    features = frame.features[:, : len(names)]
    raw = pd.DataFrame(features, columns=names)
    raw["label"] = np.maximum(frame.labels, 0)
    return failures(raw, contract)


def _require_no_verdict(context: Context, findings: list[Finding], report: str) -> None:
    """Log the findings; end the run with the first that has a verdict."""
    for finding in findings:
        level = logging.ERROR if finding.verdict else logging.WARNING
        log.log(level, "%s", finding.reason)
    serious = [finding for finding in findings if finding.verdict]
    if not serious:
        return
    reason = serious[0].reason
    others = len(serious) - 1
    if others:
        reason += f" (and {others} more)"
    _stop(context, serious[0].verdict, f"{reason}: see {report}")


def _too_many_bad(context: Context, bad: int, rows: int, quarantined: int) -> Iterator[Finding]:
    """Find more bad rows than the policy allows; rows that ingestion quarantined count as bad."""
    limit = context.use_case.policy.validation.quarantine_share
    all_bad = bad + quarantined
    all_rows = rows + quarantined
    if all_bad <= limit * all_rows:
        return
    reason = f"{all_bad:,} of {all_rows:,} rows break the contract, more than {limit:.1%}"
    if quarantined:
        reason += f" ({quarantined:,} of them were put aside when the file was ingested)"
    yield Finding(
        check="contract",
        columns=(),
        observed=all_bad / all_rows,
        threshold=limit,
        reason=reason,
    )


def _dataset_findings(context: Context, rows: Gathered, decision: Decision) -> Iterator[Finding]:
    """Check the rows as a whole against the baseline and the policy."""
    contract = context.use_case.contract
    policy = context.use_case.policy
    limits = policy.validation
    frame = rows.frame
    names = contract.raw
    baseline = dataset.historical(read_baseline(context.use_case.folder, contract), contract)
    raw = frame.features[:, : len(names)]
    baseline_raw = baseline.features[:, : len(names)]
    usual_missing = np.isnan(baseline_raw).mean(axis=0)
    usual_share = float(baseline.labels.mean())
    labels = frame.labels[frame.labels >= 0]
    for finding in dataset_checks.missing(raw, usual_missing, names, share=limits.missing_share):
        yield _excused(finding) if finding.columns[0] in rows.absent else finding
    yield from dataset_checks.skew(rows.common, names, share=limits.skew_share)
    yield from dataset_checks.leaks(raw, frame.labels, names, auc=limits.leak)
    yield from dataset_checks.label_share(
        labels, usual_share, contract.label.name, factor=limits.label_factor
    )
    if rows.source == "LOGGED":
        due = np.datetime64((decision.as_of - policy.label_maturity).replace(tzinfo=None), "us")
        yield from dataset_checks.stale(frame.event_times[-1], due, limit=limits.freshness)
    yield from dataset_checks.copies(raw, names)
    yield from missing_codes(raw, names)
    yield from dataset_checks.outside(raw, baseline_raw, names, share=limits.outside_share)


def _excused(finding: Finding) -> Finding:
    """A warning of missing values that rows of an earlier contract can't have."""
    reason = f"{finding.reason}; rows of an earlier contract do not have this feature"
    return msgspec.structs.replace(finding, verdict="", reason=reason)


def _failure_entry(failure: dict[str, Any], frame: Frame, context: Context) -> dict[str, Any]:
    """Return a failure as the report holds it, with some of its rows."""
    columns = (failure["column"],)
    samples = frame.samples(failure["positions"], columns, context.use_case.contract)
    others = {key: value for key, value in failure.items() if key != "positions"}
    return {"samples": samples, **others}


def _finding_entry(finding: Finding, frame: Frame, context: Context) -> dict[str, Any]:
    """Return a finding as the report holds it, with some of its rows."""
    samples = frame.samples(finding.rows, finding.columns, context.use_case.contract)
    return {
        "check": finding.check,
        "columns": finding.columns,
        "observed": finding.observed,
        "threshold": finding.threshold,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "samples": samples,
    }


def _stop(context: Context, verdict: str, reason: str) -> NoReturn:
    """Store the verdict with its reason, and end the run with DataError."""
    context.decisions.decide(context.name, context.run_id, verdict=verdict, reason=reason)
    raise DataError(reason)
