"""Proposes contract and policy of a new use case from what a sample of its data shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingestion.data_profile import Answers, DataProfile
from pipelines.ingestion.sampling import repeated_rows
from pipelines.rules.data.dataset_checks import Finding, leaks
from pipelines.rules.data.missing_codes import codes_of
from pipelines.rules.data.time_split import holdout_cut, why_uneven
from pipelines.rules.ingestion.csv_values import convert
from pipelines.rules.ingestion.row_checks import CheckedRows, check_rows
from pipelines.rules.proposal.column_roles import Roles
from pipelines.rules.proposal.contract_proposal import ContractProposal, propose_contract
from pipelines.rules.proposal.doubts import doubts
from pipelines.rules.proposal.label_proposal import positive_share
from pipelines.rules.proposal.policy_proposal import PolicyProposal, QuickFit, propose_policy
from pipelines.rules.proposal.quick_fit import quick_fit
from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.policy_sections.gates import Evaluation
from pipelines.rules.use_case.policy_sections.training import Validation
from pipelines.stores.dataset import columns_of
from pipelines.stores.estimators import find_estimator

FIT_ROWS = 30_000
HOLDOUT = Evaluation().holdout
LEAK = Validation().leak


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The files of a use case before they are written, and what a person should know of them.

    `left_out` has the reason for each column that is no feature.
    """

    name: str
    contract: Contract
    document: ContractProposal
    policy: PolicyProposal
    fit: QuickFit
    rows: int
    positive_share: float
    left_out: dict[str, str]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    """The sample under a contract: checked rows, and features (n, columns) of the good ones."""

    contract: Contract
    document: ContractProposal
    checked: CheckedRows
    features: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int8]:
        return np.asarray(self.checked.good["label"])


def propose(name: str, found: DataProfile, answers: Answers, *, threads: int) -> Proposal:
    """Propose contract and policy; a quick fit says which floors a model can reach.

    Raises DataError when no feature is left, or when a class has too few rows.
    """
    role = found.roles
    time = role.times[0] if role.times else ""
    left_out = {column: why for column, why in role.left_out.items() if column != time}
    read = _read(name, found, role, answers, time)
    leaking = {finding.columns[0]: finding for finding in _leaks(read)}
    if leaking:
        columns = {plain: column for column, plain in read.document.names.items()}
        left_out |= {columns[plain]: _why_leaking(each) for plain, each in leaking.items()}
        kept = [column for column in role.features if column not in left_out]
        read = _read(name, found, replace(role, features=kept), answers, time)
    uneven = _why_no_time_split(read.checked.good, time)
    fit = _fit(read, by_time=not uneven, threads=threads)
    share = positive_share(found.label.label, found.profiles[answers.label].values)
    policy = propose_policy(
        fit,
        rows=found.sample.rows,
        positives=round(share * found.sample.rows),
        why_no_time_split=uneven,
        holdout=HOLDOUT,
    )
    seen = doubts(
        found.profiles,
        read.document.names,
        read.checked.labels,
        rows=found.sample.rows,
        repeated_rows=repeated_rows(found.sample.table),
    )
    return Proposal(
        name=name,
        contract=read.contract,
        document=read.document,
        policy=policy,
        fit=fit,
        rows=found.sample.rows,
        positive_share=share,
        left_out=found.left_out | left_out,
        doubts=tuple(seen),
        notes=tuple(_notes(found, answers, time, uneven)),
    )


def _read(name: str, found: DataProfile, role: Roles, answers: Answers, time: str) -> _Read:
    """Read the sample under the contract that these roles give."""
    if not role.features:
        raise DataError(f"{found.source}: no column can be a feature of a model")
    date_formats = found.profiles[time].date_formats if time else ()
    document = propose_contract(
        title=answers.title or name.replace("_", " ").capitalize(),
        profiles=found.profiles,
        roles=role,
        label=found.label.label,
        time=time,
        key=answers.key,
        csv=dict(answers.csv) | ({"date_format": date_formats[0]} if date_formats else {}),
        codes=_codes(found, role.features),
    )
    contract = parse_contract(document.document, use_case=name, file=f"{name}/contract.yaml")
    wanted = {answers.label, role.transaction_id, answers.key, time, *role.features} - {""}
    columns = [column for column in found.sample.table.column_names if column in wanted]
    table = found.sample.table.select(columns)
    table = table.rename_columns([contract.sources.get(column, column) for column in columns])
    if found.is_text:
        table = convert(table, contract, contract.csv)
    checked = check_rows(table, contract, now=datetime.now(UTC))
    if not len(checked.good):
        raise DataError(f"{found.source}: no row can be read: {checked.reasons[0]}")
    return _Read(contract, document, checked, columns_of(checked.good, contract))


def _codes(found: DataProfile, features: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the numbers of columns that probably mean missing."""
    codes = {}
    for column in features:
        profile = found.profiles[column]
        if profile.numbers is not None and profile.kind in ("int", "float"):
            present = profile.numbers[~np.isnan(profile.numbers)]
            codes[column] = tuple(codes_of(present, profile.n))
    return codes


def _leaks(read: _Read) -> list[Finding]:
    names = read.contract.raw
    return list(leaks(read.features[:, : len(names)], read.labels, names, auc=LEAK))


def _why_leaking(finding: Finding) -> str:
    return (
        f"it alone predicts the label (ROC-AUC {finding.observed:.3f}), so it may be known only "
        "after it; if it is known before, add it, and raise `validation.leak` in the policy"
    )


def _why_no_time_split(good: pa.Table, time: str) -> str:
    """Return why rows can't be split by time; '' when they can."""
    if not time:
        return "the rows have no time of their own"
    times = good["event_time"].to_numpy().astype("datetime64[us]")
    uneven = why_uneven(times, holdout_cut(times, HOLDOUT), HOLDOUT)
    return "too many rows have the same time" if uneven else ""


def _fit(read: _Read, *, by_time: bool, threads: int) -> QuickFit:
    """Fit on at most `FIT_ROWS` rows, evenly chosen in order of time."""
    positions = np.arange(len(read.labels))
    if by_time:
        positions = np.argsort(read.checked.good["event_time"].to_numpy(), kind="stable")
    step = -(-len(positions) // FIT_ROWS)
    chosen = positions[::step]
    rows = Rows(
        features=read.features[chosen].astype(np.float32),
        labels=read.labels[chosen],
        categories=read.contract.categories,
    )
    return quick_fit(rows, find_estimator("xgboost"), by_time=by_time, threads=threads)


def _notes(found: DataProfile, answers: Answers, time: str, uneven: str) -> list[str]:
    """Return what was guessed, with the reason."""
    notes = []
    if found.headers:
        notes.append(f"{found.headers:,} sampled lines repeat the header: they are refused")
    if found.label.why:
        positive = found.label.label.positive
        notes.append(f"positive class: {answers.label} = {positive!r}, because {found.label.why}")
    if time and not answers.time:
        notes.append(f"time of the transaction: {time}, the column of times")
    formats = found.profiles[time].date_formats if time else ()
    if formats:
        others = f"; {formats[1]} would read it too" if len(formats) > 1 else ""
        notes.append(f"dates of {time} are written as {formats[0]}{others}")
    if uneven:
        notes.append(
            f"rows are split by a hash of their id, because {uneven}; checks that compare times "
            "do not apply"
        )
    if found.roles.transaction_id and not answers.id:
        notes.append(f"id of the row: {found.roles.transaction_id}, whose values are all different")
    return notes
