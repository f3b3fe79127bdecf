"""`sixgate baseline`: freeze a sample that drift is measured against."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.shared.options import UseCaseOption
from pipelines.errors import SixgateError


def baseline(
    use_case: UseCaseOption = "fraud",
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="An ingested snapshot to draw from; default: the use case's seeded simulator.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write into; default: the use case's folder, "
            "or a new folder in it if it has a baseline."
        ),
    ] = None,
) -> None:
    """Write a sample and its profile as the baseline that drift is measured against.

    An existing baseline is never overwritten: a new one goes to a new folder,
    and is in force once its files are moved to the use case's folder.

    Example:
      sixgate baseline --use-case loans --from SNAPSHOT
    """
    from pipelines.settings import Settings
    from pipelines.stores.artifacts import Artifacts
    from pipelines.use_case import read_contract, require_name
    from stack.demo.shipped_baselines import freeze, freeze_snapshot
    from stack.demo.simulator import simulated

    settings = Settings.load()
    require_name(settings.reference, use_case)
    folder = settings.reference / use_case
    contract = read_contract(folder)
    target = to or _baseline_folder(folder)
    if (target / "manifest.json").exists():
        raise SixgateError(
            f"{target} already has a baseline, and baselines are never changed: "
            "name another folder with --to"
        )
    if snapshot is None and use_case not in simulated():
        raise SixgateError(
            f"{use_case} has no simulator: run `sixgate ingest FILE -u {use_case}`, "
            "then name its snapshot with --from"
        )
    table = Artifacts.of(settings, use_case).load("snapshots", snapshot) if snapshot else None
    target.mkdir(parents=True, exist_ok=True)
    manifest = (
        freeze_snapshot(target, contract, table, str(snapshot))
        if table is not None
        else freeze(target, contract)
    )
    typer.echo(f"{manifest.rows:,} rows, sha256 {manifest.sha256[:12]}…: {target}")


def _baseline_folder(folder: Path) -> Path:
    """Return the use case's folder, or a new one below it when it already has a baseline."""
    if not (folder / "manifest.json").exists():
        return folder
    return folder / f"baseline-{datetime.now(UTC):%Y%m%d-%H%M%S}"
