"""Writes the folder of a new use case, and imports its data."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ParameterError
from pipelines.ingestion.data_profile import Open
from pipelines.ingestion.history_import import Progress, ingest_from
from pipelines.ingestion.result import Ingested
from pipelines.ingestion.use_case_proposal import Proposal
from pipelines.reporting.new_use_case_files import contract_text, policy_text
from pipelines.rules.use_case.policy import Policy
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.baseline import write_sample
from pipelines.use_case import CONTRACT, POLICY, names

LONGEST_NAME = 40


@dataclass(frozen=True)
class NewUseCase:
    """A folder that was written, and the import of its data."""

    folder: Path
    ingested: Ingested


def require_new_name(reference: Path, name: str) -> None:
    """Raise ParameterError unless a use case can get this name."""
    if name in names(reference) or (reference / name).exists():
        raise ParameterError(
            f"{reference / name} exists: choose another name, or remove the folder"
        )
    is_plain = name.isascii() and name.isidentifier() and name == name.lower()
    if not is_plain or len(name) > LONGEST_NAME:
        raise ParameterError(
            f"{name!r} is not a name of a use case: use lower case letters, digits and "
            f"underscores, at most {LONGEST_NAME}, as in card_fraud"
        )


def create(
    proposal: Proposal,
    open_source: Open,
    reference: Path,
    artifacts: Artifacts,
    progress: Progress = lambda _: None,
) -> NewUseCase:
    """Import the data under the proposed contract, and write the folder at once when all is there.

    Raises TooManyRefused and DataError as an import does; then no folder is written.
    """
    folder = reference / proposal.name
    require_new_name(reference, proposal.name)
    ingested = ingest_from(
        open_source(proposal.contract),
        proposal.contract,
        artifacts,
        quarantine_share=Policy().validation.quarantine_share,
        progress=progress,
    )
    draft = reference / f".new-{proposal.name}"
    shutil.rmtree(draft, ignore_errors=True)
    files = draft / proposal.name  # deeper than where use cases are looked for
    files.mkdir(parents=True)
    try:
        write_sample(files, proposal.contract, artifacts, ingested.snapshot)
        (files / CONTRACT).write_text(contract_text(proposal), encoding="utf-8")
        (files / POLICY).write_text(policy_text(proposal), encoding="utf-8")
        files.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return NewUseCase(folder, ingested)
