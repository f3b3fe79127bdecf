"""The golden table: what each value means, whichever door it comes through.

A case is a value of one column. Each door takes it as the same value, or refuses it for the same
reason. `pipelines.rules.use_case.spellings` has the reasons of files; `RULES` has those of
requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import yaml

from pipelines.rules.use_case.contract import Contract, LabelColumn
from pipelines.rules.use_case.contract_parser import parse_contract

FOLDER = Path(__file__).parent
FILES = ("csv", "text columns", "typed columns")
ROWS = ("row", "row with the contract's names", "batch")
LABELS = ("labels", "labels with the contract's names")
REQUESTS = (*ROWS, *LABELS)
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class Taken:
    """A value that is accepted, as it is logged or stored; None is missing.

    `treatment` says what a value that was taken as another one was taken as.
    """

    value: float | str | datetime | None
    treatment: str = ""


@dataclass(frozen=True)
class Refused:
    """A value that is refused: the reason of a file, and the likely cause that a request names."""

    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Json:
    """A value that only JSON text can have, such as 1e400."""

    text: str


@dataclass(frozen=True)
class Case:
    """A value of a column, and what it means.

    Text comes through every door; a value of another type through the doors that can carry it.
    `doors` restricts the case. `type` is the Arrow type of the value in a Parquet file.
    """

    column: str
    value: Any
    expected: Taken | Refused
    doors: tuple[str, ...] = (*FILES, *REQUESTS)
    contract: str = "default"
    type: pa.DataType | None = None

    def __str__(self) -> str:
        kind = f" as {self.type}" if self.type else ""
        contract = "" if self.contract == "default" else f" ({self.contract})"
        return f"{self.column}{contract}: {str(self.value)[:140]!r} ({len(str(self.value))}) {type(self.value).__name__}{kind}"


LABEL_COLUMNS: Mapping[str, LabelColumn] = {
    "default": LabelColumn(name="bad"),
    "words": LabelColumn(
        name="bad",
        positive=("Charged Off", "Default"),
        negative=("Fully Paid",),
        unlabelled=("Current", "In Grace Period", "?"),
    ),
    "signs": LabelColumn(name="bad", positive=1, negative=-1),
    "zero": LabelColumn(name="bad", positive=0),
    "texts": LabelColumn(name="bad", positive="2", negative=("1", 3)),
}
# A row that every door accepts.
GOOD_LABELS = {"default": "1", "words": "Default", "signs": "1", "zero": "0", "texts": "2"}
GOOD_ROW = {
    "loan_id": "good",
    "member_id": "m-1",
    "issued": "2026-01-01T10:00:00Z",
    "amount": "12.5",
    "balance": "1",
    "bureau": "1",
    "capped": "1",
    "open_ended": "1",
    "accounts": "1",
    "dependents": "1",
    "owner": "true",
    "married": "false",
    "smoker": "false",
    "country": "DE",
    "account": "open",
    "grade": "1",
    "flag": "true",
    "channel": "web",
    "region": "north",
    "city": "Bern",
}
ID_RULE = "must be text of 1 to 128 characters without NUL that is not blank, or a whole number"
TIME_RULE = "must be an RFC 3339 time from 1970 to 2261 that is not in the future"
# What a request is told about a value of a field that is refused.
RULES = {
    "loan_id": ID_RULE,
    "member_id": ID_RULE,
    "issued": TIME_RULE,
    "labelled_at": TIME_RULE,
    "amount": "must be a number from 0 to 1000",
    "balance": "must be a number, or null",
    "bureau": "must be a number, or null",
    "capped": "must be a number",
    "open_ended": "must be a number",
    "accounts": "must be a whole number from 0 to 100",
    "dependents": "must be a whole number, or null",
    "owner": "must be true or false",
    "married": "must be true or false, or null",
    "smoker": "must be true or false, or null",
    "country": "must be one of DE, NA, US, or null",
    "account": "must be one of open, closed, or null",
    "grade": "must be one of 1, 2",
    "flag": "must be one of true, false",
    "channel": "must be one of web, shop, other",
    "region": "must be one of north, south, or null",
    "city": "must be one of Zürich, Bern",
}
LABEL_RULES = {
    "default": "must be 0 or 1",
    "words": "must be 0, 1, Fully Paid, Charged Off, Default",
    "signs": "must be one of -1, 1",
    "zero": "must be 0 or 1",
    "texts": "must be one of 1, 3, 2",
}


def contract(name: str = "default") -> Contract:
    """Return the contract of the table, with the label column of this name."""
    document = yaml.safe_load((FOLDER / "contract.yaml").read_text())
    parsed = parse_contract(document, use_case="golden", file="golden/contract.yaml")
    return msgspec.structs.replace(parsed, label=LABEL_COLUMNS[name])


def taken(column: str, value: Any, meaning: Any, treatment: str = "", **options: Any) -> Case:
    """Return the case of a value that is accepted."""
    return Case(column, value, Taken(meaning, treatment), **options)


def refused(column: str, value: Any, reason: str, hint: str = "", **options: Any) -> Case:
    """Return the case of a value that is refused."""
    return Case(column, value, Refused(reason, hint), **options)
