"""Flags that override the contract's section `csv`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.rules.use_case.contract import Contract
    from pipelines.rules.use_case.csv_format import CsvFormat

PANEL = "CSV files (override the contract's section csv)"

DelimiterOption = Annotated[
    str | None, typer.Option(help="Character between columns.", rich_help_panel=PANEL)
]
DecimalOption = Annotated[
    str | None, typer.Option(help="Decimal mark of numbers.", rich_help_panel=PANEL)
]
ThousandsOption = Annotated[
    str | None, typer.Option(help="Character between groups of digits.", rich_help_panel=PANEL)
]
EncodingOption = Annotated[
    str | None, typer.Option(help="Encoding, such as cp1252.", rich_help_panel=PANEL)
]
DateFormatOption = Annotated[
    str | None,
    typer.Option(help="Format of event times: '%d/%m/%Y %H:%M'.", rich_help_panel=PANEL),
]
HeaderOption = Annotated[
    str | None,
    typer.Option(help="Names of columns, for a file without: 'id,time'.", rich_help_panel=PANEL),
]


def csv_format(
    contract: "Contract",
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    date_format: str | None = None,
    header: str | None = None,
) -> "CsvFormat":
    """Lay the flags over the contract's section `csv`; ParameterError names a wrong one."""
    import msgspec

    from pipelines.errors import ParameterError
    from pipelines.rules.use_case.csv_format import CsvFormat, csv_faults

    changes: dict[str, Any] = {
        "delimiter": delimiter,
        "decimal": decimal,
        "thousands": thousands,
        "encoding": encoding,
        "date_format": date_format,
        "header": header.split(",") if header else None,
    }
    changed = {name: value for name, value in changes.items() if value is not None}
    document = msgspec.to_builtins(contract.csv) | changed
    try:
        csv = msgspec.convert(document, CsvFormat)
    except msgspec.ValidationError as error:
        raise ParameterError(f"--decimal {decimal!r} is not . or ,: {error}") from error
    for setting, value, remedy in csv_faults(csv):
        raise ParameterError(f"--{setting.replace('_', '-')} {value!r} {remedy}")
    return csv
