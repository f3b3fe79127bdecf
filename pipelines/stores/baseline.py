"""The baseline of a use case: a frozen sample of rows, and the bins that drift is measured in."""

import hashlib
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import UseCaseError
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.artifacts import Artifacts

ROWS = 30_000
SEED = 6


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a baseline contains and where it came from; `sha256` is of `baseline.parquet`.

    For another contract than that of the baseline, `profiles` are those of its columns, as far as
    the baseline has them. `frozen` then keeps the name of the files, and `changed` identifies the
    bins that are not the files'.
    """

    sha256: str
    rows: int
    contract_hash: str
    source: dict[str, str | int | float]
    profiles: dict[str, Profile]
    frozen: str = ""
    changed: str = ""

    @property
    def name(self) -> str:
        """A short name of the rows and bins in the files: other bins, another name."""
        if self.frozen:
            return self.frozen
        content = self.sha256.encode() + msgspec.json.encode(_edges(self.profiles))
        return hashlib.sha256(content).hexdigest()[:12]

    @property
    def bins(self) -> str:
        """The name of the bins, stored with all counts."""
        if not self.changed:
            return self.name
        return hashlib.sha256((self.name + self.changed).encode()).hexdigest()[:12]

    def with_profiles(self, profiles: dict[str, Profile]) -> "Manifest":
        """Return the manifest with other profiles, and with other names for bins that differ."""
        own = {name: profile for name, profile in profiles.items() if self._differs(name, profile)}
        changed = ""
        if own:
            content = self.changed.encode() + msgspec.json.encode([_edges(own), _counts(own)])
            changed = hashlib.sha256(content).hexdigest()
        return msgspec.structs.replace(
            self, profiles=profiles, frozen=self.name, changed=changed or self.changed
        )

    def _differs(self, name: str, profile: Profile) -> bool:
        return self.profiles.get(name) != profile


def read_manifest(folder: Path, contract: Contract) -> Manifest:
    """Read `manifest.json`, with the profiles of the contract's columns that the baseline has.

    The files of a baseline never change: for another contract than theirs, the rows are converted.
    Raises UseCaseError when the files can't be read or do not belong together.
    """
    file = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise UseCaseError(
            f"{file} is missing: make a baseline with `sixgate baseline --use-case {folder.name}`"
        ) from error
    except msgspec.DecodeError as error:
        raise UseCaseError(f"{file} can't be read: {error}") from error
    parquet = folder / "baseline.parquet"
    try:
        digest = hashlib.sha256(parquet.read_bytes()).hexdigest()
    except OSError as error:
        raise UseCaseError(f"{parquet} can't be read ({error.strerror}): restore it") from error
    if digest != manifest.sha256:
        raise UseCaseError(
            f"{parquet}: sha256 {digest[:12]}… is not the manifest's "
            f"{manifest.sha256[:12]}…: restore it"
        )
    if manifest.contract_hash == contract.hash:
        return manifest
    return _converted(manifest, parquet, contract)


def _converted(manifest: Manifest, parquet: Path, contract: Contract) -> Manifest:
    """Return the manifest with profiles of another contract's columns."""
    from pipelines.rules.data.frame import numbers
    from pipelines.rules.ingestion.row_checks import written_under
    from pipelines.rules.monitoring.converted_profiles import profiles_of

    table = pq.read_table(parquet)
    written = written_under(table.schema, contract)
    raw = numbers(table, written.raw)
    return manifest.with_profiles(profiles_of(raw, manifest.profiles, written, contract))


def read_baseline(folder: Path, contract: Contract) -> pa.Table:
    """Read the rows of a baseline; raises UseCaseError as read_manifest does."""
    read_manifest(folder, contract)
    return pq.read_table(folder / "baseline.parquet")


def _edges(profiles: dict[str, Profile]) -> dict[str, list[float]]:
    return {name: profile.edges for name, profile in profiles.items()}


def _counts(profiles: dict[str, Profile]) -> dict[str, list[int]]:
    return {name: profile.counts for name, profile in profiles.items()}


def write_sample(folder: Path, contract: Contract, artifacts: Artifacts, snapshot: str) -> Manifest:
    """Write a baseline from an ingested snapshot: at most `ROWS` rows, sampled in their order."""
    source: dict[str, str | int | float] = {"snapshot": snapshot, "seed": SEED}
    table = artifacts.sample("snapshots", snapshot, ROWS, SEED)
    return write_baseline(folder, contract, table, source)


def write_baseline(
    folder: Path, contract: Contract, table: pa.Table, source: dict[str, str | int | float]
) -> Manifest:
    """Write a snapshot table and its profile as a baseline; `source` says where it came from.

    Rows of an earlier contract are converted. A feature that is missing in every row has no
    profile: traffic is not compared with it.
    """
    from pipelines.rules.monitoring.binning import profiles
    from pipelines.stores.dataset import columns_of, converted_snapshot

    table = converted_snapshot(table, contract)
    parquet = folder / "baseline.parquet"
    pq.write_table(table, parquet, compression="zstd", use_dictionary=True)
    features = columns_of(table, contract)
    manifest = Manifest(
        sha256=hashlib.sha256(parquet.read_bytes()).hexdigest(),
        rows=len(table),
        contract_hash=contract.hash,
        source=source,
        profiles={
            name: profile
            for name, profile in profiles(features, contract).items()
            if profile.counts[0] < len(table)
        },
    )
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / "manifest.json").write_bytes(document + b"\n")
    return manifest
