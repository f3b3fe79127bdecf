"""Which column of a file is which column of the contract."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from pipelines.errors import DataError
from pipelines.rules.ingestion.row_checks import required
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.spellings import BLANK

BYTE_ORDER_MARK = "\ufeff"  # some tools write it before the first name


def column_names(
    columns: Sequence[str], contract: Contract, needed: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the contract's names of a file's columns, by the file's names.

    `needed` are the columns that the file must have, by default those of labelled history. Columns
    that the contract does not have are left out, and the label where it is not needed. Raises
    DataError when two columns are the same column of the contract, or when a needed one has no
    column.
    """
    targets = {name: _target(name, contract) for name in columns}
    required_names = required(contract) if needed is None else needed
    wanted = {*required_names, *_identifying(contract)}
    names = {name: target for name, target in targets.items() if target in wanted}
    _refuse_repeated([name for name in columns if name in names])
    _refuse_two_names(names)
    missing = [name for name in required_names if name not in names.values()]
    if missing:
        listing = ", ".join(repr(name) if name != name.strip() else name for name in columns)
        raise DataError(
            f"no column for {', '.join(missing)}: rename the file's columns, or add them to the "
            f"contract's `sources:`; the file has {listing}"
        )
    return names


def known_columns(contract: Contract) -> set[str]:
    """Return every name that a column of a file may have, apart from blanks around it."""
    return {*required(contract), *_identifying(contract), *contract.sources}


def _identifying(contract: Contract) -> tuple[str, ...]:
    """Return the columns that are read where a file has them."""
    return contract.transaction_id, contract.entity_key, contract.event_time


def _target(name: str, contract: Contract) -> str:
    """Return the contract's name of a column; blanks around a name do not count."""
    plain = name.removeprefix(BYTE_ORDER_MARK).strip(BLANK)
    return contract.sources.get(name) or contract.sources.get(plain) or plain


def _refuse_repeated(names: Sequence[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"the header has {', '.join(repeated)} twice: remove one of the columns")


def _refuse_two_names(names: dict[str, str]) -> None:
    """Refuse columns that are the same column of the contract under two names."""
    by_target = defaultdict(list)
    for name, target in names.items():
        by_target[target].append(repr(name))
    for target, sources in by_target.items():
        if len(sources) > 1:
            raise DataError(
                f"the columns {' and '.join(sources)} are both {target!r} of the contract: remove "
                "one of them from the file, or correct the contract's `sources:`"
            )
