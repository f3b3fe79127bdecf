"""Decodes posted labels. Their values are those that the contract lists, or 0 and 1."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipelines.records import Label
from pipelines.rules.monitoring.data_quality import OF_LABELS, REFUSED
from pipelines.rules.use_case.contract import Contract, LabelColumn
from pipelines.rules.use_case.label_values import UNLABELLED, LabelValues, label_key, listed
from pipelines.rules.use_case.likely_causes import likely_cause
from pipelines.rules.use_case.spellings import Misread, read_id, read_time
from serving.wire.problems import Problem
from serving.wire.refusals import FAULTS, document_of, explained, refusal, refuse_repeated
from serving.wire.row_types import KEY_RULE, TIMESTAMP_RULE
from serving.wire.schemas import MAX_LABELS

Scalar = str | int | float | bool
FIELDS = ("transaction_id", "label", "labelled_at")


class PostedLabel(msgspec.Struct, forbid_unknown_fields=True):
    """A label before its values are read."""

    transaction_id: Scalar
    label: Scalar
    labelled_at: Scalar | None = None


class PostedLabels(msgspec.Struct, forbid_unknown_fields=True):
    """A body with labels."""

    labels: list[PostedLabel]


class LabelDecoder:
    """Decodes the labels of one use case; `refused` counts the refusals by field."""

    def __init__(self, contract: Contract, refused: Counter[tuple[str, str]] | None = None) -> None:
        self.refused = Counter() if refused is None else refused
        self._decoder = msgspec.json.Decoder(PostedLabels)
        self._classes = LabelValues(contract.label, classes=True)
        self._id_name = contract.transaction_id
        self._label_name = contract.label.name
        self._rules = {
            "labels": f"must be a list of 1 to {MAX_LABELS} labels",
            "transaction_id": KEY_RULE,
            "label": label_rule(contract.label),
            "labelled_at": TIMESTAMP_RULE,
        }

    def decode(self, body: bytes) -> list[Label]:
        """Decode a body, or raise the 422 Problem that names its fault."""
        now = datetime.now(UTC)
        try:
            posted = self._decoder.decode(body).labels
            times = sum(label.labelled_at is not None for label in posted)
            refuse_repeated(body, 1 + 2 * len(posted) + times)
        except FAULTS as error:
            document = document_of(body, error)
            labels = _labels(document)
            if labels is None:
                raise explained(error, document, self._rules) from error
            posted = [self._renamed(fields, row) for row, fields in enumerate(labels)]
        if not 0 < len(posted) <= MAX_LABELS:
            raise refusal("labels", f"{len(posted):,} labels", self._rules["labels"])
        return [self._label(label, row, now) for row, label in enumerate(posted)]

    def _label(self, posted: PostedLabel, row: int, now: datetime) -> Label:
        return Label(
            transaction_id=self._id(posted.transaction_id, row),
            label=self._class(posted.label, row),
            labelled_at=self._time(posted.labelled_at, row, now),
        )

    def _renamed(self, fields: dict[str, Any], row: int) -> PostedLabel:
        """Give the id and the label of a label the names of the API."""
        for alias, name in ((self._id_name, "transaction_id"), (self._label_name, "label")):
            if alias == name or alias not in fields:
                continue
            if name in fields:
                raise refusal(alias, fields[alias], f"is given as {name} too; send one", row)
            fields[name] = fields.pop(alias)
        for name in fields:
            if name not in FIELDS:
                known = ", ".join(FIELDS)
                raise refusal(name, fields[name], f"is not a known field; known are {known}", row)
        for name in ("transaction_id", "label"):
            if name not in fields:
                self._count(name)
                raise refusal(name, None, f"is missing; {self._rules[name]}", row)
        return PostedLabel(**fields)

    def _class(self, value: Any, row: int) -> int:
        try:
            label = self._classes(value)
        except Misread:
            label = UNLABELLED
        if label == UNLABELLED:
            raise self._refusal("label", value, row)
        return label

    def _id(self, value: Any, row: int) -> str:
        try:
            return read_id(value)
        except Misread:
            raise self._refusal("transaction_id", value, row) from None

    def _time(self, value: Any, row: int, now: datetime) -> datetime:
        if value is None:
            return now
        try:
            return read_time(value, now=now)
        except Misread:
            raise self._refusal("labelled_at", value, row) from None

    def _refusal(self, name: str, value: Any, row: int) -> Problem:
        self._count(name)
        cause = likely_cause(value) if name == "labelled_at" else None
        return refusal(name, value, self._rules[name], row, hint=cause.in_request if cause else "")

    def _count(self, name: str) -> None:
        self.refused[f"{OF_LABELS}{name}", REFUSED] += 1


def label_rule(label: LabelColumn) -> str:
    """Describe the values of a label that are accepted."""
    values = [*listed(label.negative), *listed(label.positive)]
    keys = {label_key(value) for value in values}
    if keys <= {0.0, 1.0}:
        return "must be 0 or 1"
    listing = ", ".join(map(str, values))
    return f"must be one of {listing}" if keys & {0.0, 1.0} else f"must be 0, 1, {listing}"


def _labels(document: Any) -> list[dict[str, Any]] | None:
    """Return the labels of a body; None when it has another shape."""
    if not isinstance(document, dict) or document.keys() != {"labels"}:
        return None
    labels = document["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, dict) for label in labels):
        return None
    return labels
