"""The doors that values come through, and how what came through them differs from the table.

`failures_of_files`, `failures_of_queries` and `failures_of_requests` run cases through the code of
each door.
`tests.integration.test_golden_table` runs them through a server and through a step of the DAG.
"""

import csv
import gzip
import json
import math
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from pipelines.errors import DataError
from pipelines.ingestion import ingest_from
from pipelines.ingestion.sources.formats import open_file
from pipelines.ingestion.sources.query_source import open_query
from pipelines.ingestion.sources.source import Source
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.spellings import EXACT
from pipelines.stores.artifacts import Artifacts
from serving.wire.label_decoding import LabelDecoder
from serving.wire.problems import Problem
from serving.wire.request_decoding import RequestDecoder, Transaction
from tests.golden.table import (
    GOOD_LABELS,
    GOOD_ROW,
    LABEL_COLUMNS,
    LABEL_RULES,
    RULES,
    UNLABELLED,
    Case,
    Json,
    Taken,
    contract,
)
from tests.workbook import write_workbook

Select = Callable[[dict[str, Any]], str | None]
Outcome = str | float | datetime | None | tuple[str, ...]
CONTRACTS = {name: contract(name) for name in LABEL_COLUMNS}
API_NAMES = {"loan_id": "transaction_id", "issued": "event_time", "bad": "label"}
# The kinds of files of each door.
FILE_DOORS: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv.gz"),
    "text columns": (".parquet", ".xlsx"),
    "typed columns": (".parquet", ".arrow", ".xlsx"),
}
NOT_IN_XML = re.compile(r"[\x00-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")


def failures_of_files(cases: Iterable[Case], folder: Path) -> list[str]:
    """Import a file with each case; return a line for each case that a door takes differently."""
    failures = []
    for case in cases:
        for door, suffixes in FILE_DOORS.items():
            column = _column(case, door)
            if door not in case.doors or column is None:
                continue
            for suffix in suffixes:
                if suffix == ".xlsx" and (case.type or not _is_cell(case.value)):
                    continue
                file = folder / f"case{suffix}"
                write(file, case, column)
                source = open_file(file, CONTRACTS[case.contract], CsvFormat())
                outcome = imported(source, case, Artifacts(folder / "artifacts"))
                place = f"{door} ({suffix})"
                failures += difference(place, case, outcome, expected_of_file(case))
    return failures


def failures_of_queries(
    cases: Iterable[Case], artifacts: Artifacts, connection: str, select: Select
) -> list[str]:
    """Import the result of a query with each case; return a line for each taken differently.

    `select` writes the query of a row; it is None for a row that the database can't have.
    """
    failures = []
    for case in cases:
        door = "text columns" if isinstance(case.value, str) else "typed columns"
        query = None
        if door in case.doors and case.type is None and case.column != "labelled_at":
            query = select(_row_with(case, case.value))
        if query:
            source = open_query(query, connection, CONTRACTS[case.contract])
            outcome = imported(source, case, artifacts)
            failures += difference("query", case, outcome, expected_of_file(case))
    return failures


def failures_of_requests(cases: Iterable[Case]) -> list[str]:
    """Decode a request with each case; return a line for each that is taken differently."""
    rows = {name: RequestDecoder(contract) for name, contract in CONTRACTS.items()}
    labels = {name: LabelDecoder(contract) for name, contract in CONTRACTS.items()}
    failures = []
    for case in cases:
        for door in case.doors:
            body = request(case, door)
            if body is None:
                continue
            if door.startswith("labels"):
                outcome = posted(labels[case.contract], body, case)
            else:
                outcome = decoded(rows[case.contract], body, case)
            failures += difference(door, case, outcome, expected_of_request(case, door))
    return failures


def difference(door: str, case: Case, outcome: Outcome, expected: Outcome) -> list[str]:
    """Return a line when the outcome is not the expected one."""
    if outcome == expected or (_is_nan(outcome) and _is_nan(expected)):
        return []
    return [f"{door}: {case}: {outcome!r} instead of {expected!r}"]


def expected_of_file(case: Case) -> Outcome:
    """Return what a file's door should make of a case."""
    if isinstance(case.expected, Taken):
        return _taken(case.expected)
    return ("refused", f"{case.column}: {case.expected.reason}")


def expected_of_request(case: Case, door: str) -> Outcome:
    """Return what a request's door should make of a case: a value, or field, rule, row and hint."""
    if isinstance(case.expected, Taken):
        return _taken(case.expected)
    field = API_NAMES.get(case.column, case.column)
    rule = LABEL_RULES[case.contract] if case.column == "bad" else RULES[case.column]
    row = {"batch": "1", "labels": "0", "labels with the contract's names": "0"}.get(door, "None")
    return ("refused", field, rule, row, case.expected.hint)


def write(file: Path, case: Case, column: Any) -> None:
    """Write a file of one row: a good one, but for the value of the case."""
    row = _row_with(case, column)
    if file.suffix == ".xlsx":
        cell = column[0].as_py() if isinstance(column, pa.Array) else column
        write_workbook(file, [list(row), list(_row_with(case, cell).values())])
    elif file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([row.keys(), row.values()])
    elif file.suffix == ".gz":
        with gzip.open(file, "wt", newline="", encoding="utf-8") as out:
            csv.writer(out, delimiter="\t").writerows([row.keys(), row.values()])
    else:
        columns = {
            name: value if isinstance(value, pa.Array) else pa.array([value])
            for name, value in row.items()
        }
        write_table = pq.write_table if file.suffix == ".parquet" else feather.write_feather
        write_table(pa.table(columns), str(file))


def imported(source: Source, case: Case, artifacts: Artifacts) -> Outcome:
    """Import a source of one row; return its value, or why it was refused."""
    try:
        result = ingest_from(source, CONTRACTS[case.contract], artifacts)
    except DataError as refusal:
        message = str(refusal)
        if case.expected == Taken(UNLABELLED) and "it has no rows" in message:
            return UNLABELLED
        expected = expected_of_file(case)
        reason = expected[1] if isinstance(expected, tuple) else ""
        match = (
            re.search(rf"(?:1 × |: ){re.escape(reason)}(?:$|[;(:])", message) if reason else None
        )
        return ("refused", reason if match else message)
    row = artifacts.load("snapshots", result.snapshot).to_pylist()[0]
    names = {"loan_id": "transaction_id", "member_id": "entity_key", "issued": "event_time"}
    value = row[{**names, "bad": "label"}.get(case.column, case.column)]
    treatments = [text.removeprefix(f"{case.column}: ") for text in result.treated]
    return _with_treatments(value, treatments)


def request(case: Case, door: str) -> bytes | None:
    """Return the body of a request with the case; None when the door can't carry it."""
    contracts_names = door.endswith("names")
    is_label = door.startswith("labels")
    if is_label and (
        case.column not in ("loan_id", "bad", "labelled_at") or door not in case.doors
    ):
        return None
    if not is_label and case.column in ("bad", "labelled_at"):
        return None
    if door in FILE_DOORS or not _is_json(case.value) or case.type is not None:
        return None
    if is_label:
        fields: dict[str, Any] = {"loan_id": "t-1", "bad": GOOD_LABELS[case.contract]}
    else:
        # The types of the contract accept the other values; those with its names are all text.
        fields = dict(GOOD_ROW) if contracts_names else _typed(GOOD_ROW)
    fields[case.column] = "\0value"
    if not contracts_names:
        fields = {API_NAMES.get(name, name): value for name, value in fields.items()}
    value = case.value.text if isinstance(case.value, Json) else json.dumps(case.value)
    body = json.dumps(fields).replace(json.dumps("\0value"), value)
    if is_label:
        body = f'{{"labels": [{body}]}}'
    elif door == "batch":
        body = f'{{"rows": [{json.dumps(_typed(GOOD_ROW, api=True))}, {body}]}}'
    return body.encode()


def decoded(decoder: RequestDecoder, body: bytes, case: Case) -> Outcome:
    """Decode a row or a batch; return the value of the case, or its refusal."""
    decoder.counts.clear()
    try:
        row = decoder.decode_batch(body)[1] if b'"rows"' in body else decoder.decode_row(body)
    except Problem as refusal:
        return refused(refusal)
    value = row_value(CONTRACTS[case.contract], row, case.column)
    return _with_treatments(value, [treatment for _, treatment in decoder.counts])


def row_value(contract: Contract, row: Transaction, column: str) -> Outcome:
    """Return the value of a column of a decoded row."""
    if column in contract.raw:
        values = struct.unpack(f"{len(contract.raw)}d", row.raw)
        return float(values[contract.raw.index(column)])
    names = {"loan_id": row.transaction_id, "member_id": row.entity_key, "issued": row.event_time}
    value = names[column]
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def posted(decoder: LabelDecoder, body: bytes, case: Case) -> Outcome:
    """Decode labels; return the value of the case, or its refusal."""
    try:
        (label,) = decoder.decode(body)
    except Problem as refusal:
        return refused(refusal)
    values = {"loan_id": label.transaction_id, "bad": float(label.label)}
    return values.get(case.column, label.labelled_at)


def refused(problem: Problem) -> tuple[str, ...]:
    """Return what a refusal names: field, rule, row and hint."""
    members = problem.members
    row = str(members.get("row"))
    return ("refused", members["field"], members["rule"], row, members.get("hint", ""))


def golden_failures(cases: Sequence[Case]) -> list[str]:
    """Run cases through the doors that need no service; return the failures."""
    with tempfile.TemporaryDirectory() as folder:
        return failures_of_files(cases, Path(folder)) + failures_of_requests(cases)


def _taken(expected: Taken) -> Outcome:
    value = math.nan if expected.value is None else expected.value
    return (str(value), expected.treatment) if expected.treatment else value


def _with_treatments(value: Any, treatments: Sequence[str]) -> Outcome:
    value = math.nan if value is None else value
    value = float(value) if isinstance(value, int) else value
    return (str(value), *treatments) if treatments else value


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_json(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, Decimal | bytes | date)


def _typed(row: dict[str, str], *, api: bool = False) -> dict[str, Any]:
    """Return a row with the types of JSON, so that the types of the contract accept it."""
    types: dict[str, Callable[[str], Any]] = {"float": float, "int": int, "bool": "true".__eq__}
    kinds = {feature.name: feature.type for feature in CONTRACTS["default"].features}
    values = {name: types.get(kinds.get(name, ""), str)(value) for name, value in row.items()}
    return {API_NAMES.get(name, name): value for name, value in values.items()} if api else values


def _row_with(case: Case, value: Any) -> dict[str, Any]:
    """Return a good row, but for the value of the case."""
    return GOOD_ROW | {"bad": GOOD_LABELS[case.contract], case.column: value}


def _is_cell(value: Any) -> bool:
    """Whether a sheet can have the value: its numbers are floats, and its times have no zone."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return NOT_IN_XML.search(value) is None
    if isinstance(value, int):
        return abs(value) <= EXACT
    return value is None


def _column(case: Case, door: str) -> Any:
    """Return the value of a case as a file has it; None when the door can't carry it."""
    value = case.value
    if isinstance(value, Json) or case.column == "labelled_at":
        return None
    if door == "typed columns":
        return pa.array([value], case.type) if case.type or not isinstance(value, str) else None
    if case.type is not None or isinstance(value, bytes | list | dict):
        return None
    if value is None or _is_nan(value):
        return pa.array([None], pa.string()) if door == "text columns" else ""
    return value.isoformat() if isinstance(value, date) else str(value)
