"""Flags that override the contract's section `csv`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.rules.use_case.contract import Contract
    from pipelines.rules.use_case.csv_format import CsvFormat


def csv_format(contract: "Contract", changes: dict[str, Any]) -> "CsvFormat":
    """Lay the flags over the contract's section `csv`; ParameterError names a wrong one."""
    import msgspec

    from pipelines.errors import ParameterError
    from pipelines.rules.use_case.csv_format import CsvFormat, csv_faults

    changed = {name: value for name, value in changes.items() if value is not None}
    document = msgspec.to_builtins(contract.csv) | changed
    try:
        csv = msgspec.convert(document, CsvFormat)
    except msgspec.ValidationError as error:
        raise ParameterError(f"--decimal {changes['decimal']!r} is not . or ,: {error}") from error
    for setting, value, remedy in csv_faults(csv):
        raise ParameterError(f"--{setting.replace('_', '-')} {value!r} {remedy}")
    return csv
