"""The frozen reference sample of a use case: rows, and the bins that drift is measured on."""

import hashlib
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import UseCaseError
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.use_case.contract import Contract


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline is and where it came from; `sha256` is of baseline.parquet."""

    sha256: str
    rows: int
    contract_hash: str
    source: dict[str, str | int | float]
    profiles: dict[str, Profile]

    @property
    def name(self) -> str:
        """Short name of rows and bins, kept with everything counted into them: other bins are another baseline."""
        edges = {name: profile.edges for name, profile in self.profiles.items()}
        return hashlib.sha256(self.sha256.encode() + msgspec.json.encode(edges)).hexdigest()[:12]


def read_manifest(folder: Path, contract: Contract) -> Manifest:
    """Read and check `manifest.json`: it must belong to the contract and to the Parquet file beside it."""
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
            f"{file}: contract_hash: {manifest.contract_hash!r} is not the contract's {contract.hash!r}: make a new baseline"
        )
    found = hashlib.sha256((folder / "baseline.parquet").read_bytes()).hexdigest()
    if found != manifest.sha256:
        raise UseCaseError(
            f"{folder / 'baseline.parquet'}: sha256 {found[:12]}… is not the manifest's {manifest.sha256[:12]}…: restore it"
        )
    return manifest


def read_baseline(folder: Path, contract: Contract) -> pa.Table:
    """The rows of a checked baseline."""
    read_manifest(folder, contract)
    return pq.read_table(folder / "baseline.parquet")


def write_baseline(
    folder: Path, contract: Contract, table: pa.Table, manifest_of: "dict[str, str | int | float]"
) -> Manifest:
    """Freeze a snapshot table as the baseline of a use case, with its profile."""
    from pipelines.rules.monitoring.binning import profiles
    from pipelines.rules.use_case.derived_features import Deriver
    from pipelines.stores.dataset import features_of

    path = folder / "baseline.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=True)
    manifest = Manifest(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        rows=len(table),
        contract_hash=contract.hash,
        source=manifest_of,
        profiles=profiles(Deriver(contract)(features_of(table, contract)), contract),
    )
    (folder / "manifest.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    )
    return manifest
