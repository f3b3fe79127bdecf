"""Decodes request bodies with types generated from the contract.

A value that its type refuses may be spelled in another way, such as "12.5" for 12.5. It is then
read as a file would be. A refusal names the field, the value and the rule.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec

from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.likely_causes import likely_cause
from pipelines.rules.use_case.spellings import (
    Misread,
    is_blank,
    read_feature,
    read_id,
    read_time,
)
from serving.wire.problems import Problem
from serving.wire.refusals import FAULTS, document_of, explained, refusal, refuse_repeated
from serving.wire.row_types import (
    KEY_RULE,
    MAX_ROWS,
    TIMESTAMP_RULE,
    batch_type,
    row_type,
    rule,
)

REFUSED = "refused"
OTHER_FIELDS = 3  # of a row, after its features: id, entity and time
Finish = Callable[[Any, int | None], float]


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One accepted row; `raw` holds its raw features.

    They are packed as float64 in the contract's order, NaN where missing.
    """

    raw: bytes
    transaction_id: str | None
    entity_key: str | None
    event_time: datetime | None


class RequestDecoder:
    """Decodes the rows and batches of one use case.

    `counts` has how many values of a field were refused, or taken as another value.
    """

    def __init__(self, contract: Contract, counts: Counter[tuple[str, str]] | None = None) -> None:
        self.row_type = row_type(contract)
        self.batch_type = batch_type(contract, self.row_type)
        self.counts = Counter() if counts is None else counts
        self._contract = contract
        self._row = msgspec.json.Decoder(self.row_type)
        self._batch = msgspec.json.Decoder(self.batch_type)
        self._pack = struct.Struct(f"{len(contract.features)}d").pack
        self._unfinished = list(self._finishers(contract))
        self._rules = {
            **{feature.name: rule(feature) for feature in contract.features},
            "transaction_id": KEY_RULE,
            contract.entity_key: KEY_RULE,
            "event_time": TIMESTAMP_RULE,
        }
        self._batch_rules = {**self._rules, "rows": f"must be a list of 1 to {MAX_ROWS} rows"}
        self._aliases = _aliases(contract)
        nullable = [place for place, each in enumerate(contract.features) if each.nullable]
        others = range(len(contract.features), len(contract.features) + OTHER_FIELDS)
        self._optional = [itemgetter(place) for place in (*nullable, *others)]

    def decode_row(self, body: bytes) -> Transaction:
        """Decode one row, or raise a 422 Problem."""
        try:
            row = msgspec.structs.astuple(self._row.decode(body))
            refuse_repeated(body, len(row) - row.count(None))
            return self._accept(row, None)
        except FAULTS as error:
            document = document_of(body, error)
            if isinstance(document, dict):
                return self._read(document, None)
            raise explained(error, document, self._rules) from error

    def decode_batch(self, body: bytes) -> list[Transaction]:
        """Decode a batch, or raise a 422 Problem that names the row at fault."""
        try:
            batch: Any = self._batch.decode(body)
            rows = [msgspec.structs.astuple(row) for row in batch.rows]
            nulls = sum([*map(value, rows)].count(None) for value in self._optional)
            refuse_repeated(body, 1 + len(rows) * len(rows[0]) - nulls)
            return [self._accept(row, index) for index, row in enumerate(rows)]
        except FAULTS as error:
            document = document_of(body, error)
            documents = _rows(document)
            if documents is None:
                raise explained(error, document, self._batch_rules) from error
            return [self._read(row, index) for index, row in enumerate(documents)]

    def _accept(self, values: tuple[Any, ...], index: int | None) -> Transaction:
        transaction_id, entity_key, event_time = values[-3:]
        if event_time is not None:
            event_time = self._time(event_time, index)
        raw: Sequence[Any] = values[:-3]
        if self._unfinished:
            raw = self._finished(list(raw), index)
        if None in raw:
            raw = [math.nan if value is None else value for value in raw]
        return Transaction(self._pack(*raw), transaction_id, entity_key, event_time)

    def _finished(self, values: list[Any], index: int | None) -> list[Any]:
        """Replace each category by its index, and each number that may mean something else."""
        for position, finish in self._unfinished:
            if values[position] is not None:
                values[position] = finish(values[position], index)
        return values

    def _finishers(self, contract: Contract) -> Sequence[tuple[int, Finish]]:
        """Return what completes the values of a type, by their positions in a row."""
        finishers: list[tuple[int, Finish]] = []
        for position, feature in enumerate(contract.features):
            if feature.type == "category":
                indexes = {name: float(i) for i, name in enumerate(feature.values)}
                finishers.append((position, partial(self._category, indexes, feature)))
            elif feature.missing_numbers or feature.beyond != "refuse":
                finishers.append((position, partial(self._feature, feature)))
        return finishers

    def _category(
        self, indexes: Mapping[str, float], feature: Feature, value: str, row: int | None
    ) -> float:
        index = indexes.get(value)
        return self._feature(feature, value, row) if index is None else index

    def _feature(self, feature: Feature, value: Any, row: int | None) -> float:
        name = feature.name
        try:
            return read_feature(value, feature, treated=partial(self._count, name))
        except Misread:
            raise self._refusal(name, value, row, feature) from None

    def _read(self, document: dict[str, Any], index: int | None) -> Transaction:
        """Read a row of which some value is not of its type."""
        fields = self._renamed(document, index)
        for name in fields:
            if name not in self._rules:
                known = ", ".join(self._rules)
                raise refusal(name, fields[name], f"is not a known field; known are {known}", index)
        raw = []
        for feature in self._contract.features:
            if feature.name not in fields and not feature.nullable:
                self._count(feature.name, REFUSED)
                raise refusal(feature.name, None, f"is missing; {rule(feature)}", index)
            raw.append(self._feature(feature, fields.get(feature.name), index))
        entity_key_name = self._contract.entity_key
        entity_key = fields.get(entity_key_name)
        event_time = fields.get("event_time")
        return Transaction(
            self._pack(*raw),
            self._id("transaction_id", fields.get("transaction_id"), index),
            self._id(entity_key_name, None if is_blank(entity_key) else entity_key, index),
            None if event_time is None else self._time(event_time, index),
        )

    def _renamed(self, document: dict[str, Any], index: int | None) -> dict[str, Any]:
        """Give the id and the time of a row the names of the API."""
        fields = dict(document)
        for alias, name in self._aliases.items():
            if alias not in fields:
                continue
            if name in fields:
                raise refusal(alias, fields[alias], f"is given as {name} too; send one", index)
            fields[name] = fields.pop(alias)
        return fields

    def _id(self, name: str, value: Any, row: int | None) -> str | None:
        if value is None:
            return None
        try:
            return read_id(value)
        except Misread:
            raise self._refusal(name, value, row) from None

    def _time(self, value: Any, row: int | None) -> datetime:
        try:
            return read_time(value, now=datetime.now(UTC))
        except Misread:
            raise self._refusal("event_time", value, row) from None

    def _refusal(
        self, name: str, value: Any, row: int | None, feature: Feature | None = None
    ) -> Problem:
        self._count(name, REFUSED)
        cause = likely_cause(value, feature) if feature or name == "event_time" else None
        return refusal(name, value, self._rules[name], row, hint=cause.in_request if cause else "")

    def _count(self, name: str, treatment: str) -> None:
        self.counts[name, treatment] += 1


def _aliases(contract: Contract) -> dict[str, str]:
    """Return the contract's names of the id and the time, where the API has others."""
    names = {contract.transaction_id: "transaction_id", contract.event_time: "event_time"}
    return {alias: name for alias, name in names.items() if alias not in ("", name)}


def _rows(document: Any) -> list[dict[str, Any]] | None:
    """Return the rows of a batch; None when the body has another shape."""
    if not isinstance(document, dict) or document.keys() != {"rows"}:
        return None
    rows = document["rows"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        return None
    return rows if all(isinstance(row, dict) for row in rows) else None
