"""The baseline of a use case: a frozen sample of rows, and the bins that drift is measured in."""

import hashlib
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import UseCaseError
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.use_case.contract import Contract


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline contains and where it came from; `sha256` is of `baseline.parquet`."""

    sha256: str
    rows: int
    contract_hash: str
    source: dict[str, str | int | float]
    profiles: dict[str, Profile]

    @property
    def name(self) -> str:
        """A short name of the rows and bins, stored with all counts: other bins, another name."""
        edges = {name: profile.edges for name, profile in self.profiles.items()}
        content = self.sha256.encode() + msgspec.json.encode(edges)
        return hashlib.sha256(content).hexdigest()[:12]


def read_manifest(folder: Path, contract: Contract) -> Manifest:
    """Read `manifest.json`; raises UseCaseError unless it fits the contract and the rows."""
    file = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise UseCaseError(
            f"{file} is missing: make a baseline with `sixgate baseline --use-case {folder.name}`"
        ) from error
    except msgspec.DecodeError as error:
        raise UseCaseError(f"{file} can't be read: {error}") from error
    if manifest.contract_hash != contract.hash:
        raise UseCaseError(
            f"{file}: contract_hash: {manifest.contract_hash!r} is not the contract's "
            f"{contract.hash!r}: make a new baseline"
        )
    parquet = folder / "baseline.parquet"
    digest = hashlib.sha256(parquet.read_bytes()).hexdigest()
    if digest != manifest.sha256:
        raise UseCaseError(
            f"{parquet}: sha256 {digest[:12]}… is not the manifest's "
            f"{manifest.sha256[:12]}…: restore it"
        )
    return manifest


def read_baseline(folder: Path, contract: Contract) -> pa.Table:
    """Read the rows of a baseline; raises UseCaseError as read_manifest does."""
    read_manifest(folder, contract)
    return pq.read_table(folder / "baseline.parquet")


def write_baseline(
    folder: Path, contract: Contract, table: pa.Table, source: dict[str, str | int | float]
) -> Manifest:
    """Write a snapshot table and its profile as a baseline; `source` says where it came from."""
    from pipelines.rules.monitoring.binning import profiles
    from pipelines.rules.use_case.derived_features import Deriver
    from pipelines.stores.dataset import features_of

    parquet = folder / "baseline.parquet"
    pq.write_table(table, parquet, compression="zstd", use_dictionary=True)
    features = Deriver(contract)(features_of(table, contract))
    manifest = Manifest(
        sha256=hashlib.sha256(parquet.read_bytes()).hexdigest(),
        rows=len(table),
        contract_hash=contract.hash,
        source=source,
        profiles=profiles(features, contract),
    )
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / "manifest.json").write_bytes(document + b"\n")
    return manifest
