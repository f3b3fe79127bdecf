"""Bodies with labels, and the responses that are right for them."""

from functools import cache
from random import Random

from benchmarks.fuzz.requests.bodies import ANY, OK, RARELY, REFUSED, Body, invalid_body
from benchmarks.fuzz.requests.extremes import extreme
from benchmarks.fuzz.requests.json_text import Field, deep, listed, nested, text, wide, written
from benchmarks.fuzz.requests.strings import (
    BAD_KEYS,
    BAD_TIMES,
    BLANK_KEYS,
    GOOD_TIMES,
    KEYS,
    NAMES,
    RAW_STRINGS,
    named,
)
from pipelines.rules.use_case.contract import Contract

MAX_LABELS = 10_000
LABEL_BODIES = (
    *("good",) * 2,
    *("bad label",) * 8,
    *("extreme",) * 2,
    "none",
    "no labels",
    "unknown",
    "no row",
    "encoding",
    "cut",
)
BAD_LABELS = ("transaction_id", "label", "labelled_at", "unknown", "missing", "no text")


def labels_body(random: Random, contract: Contract) -> Body:
    """Return a body for labels."""
    kind = random.choice(LABEL_BODIES)
    if random.random() < RARELY:
        kind = random.choice(("most", "too many", "wide", "limit", "wide inside"))
    count = random.randint(1, 3)
    labels = [written(label(random)) for _ in range(count)]
    if kind == "good":
        return Body(kind, listed(b"labels", labels), OK)
    if kind == "bad label":
        position = random.randrange(count)
        fault_kind, fields, fault = bad_label(random)
        labels[position] = written(fields)
        row = position if fault else None
        return Body(
            fault_kind,
            listed(b"labels", labels),
            REFUSED,
            fault=fault,
            row=row,
        )
    if kind == "extreme":
        extreme_kind, content, may_be_valid = extreme(random, labels[0], "label")
        statuses = ANY if may_be_valid else REFUSED
        return Body(f"{kind} {extreme_kind}", listed(b"labels", [content]), statuses)
    if kind == "none":
        return Body(kind, b'{"labels":[]}', REFUSED, "labels")
    if kind == "no labels":
        value = random.choice((b"{}", b"1", b"null", nested(2000, "object")))
        return Body(kind, b'{"labels":' + value + b"}", REFUSED, "labels")
    if kind == "unknown":
        unknown = random.choice([name for name in NAMES if name != "labels"])
        content = b'{"labels":[' + labels[0] + b"]," + text(unknown) + b":1}"
        return Body(kind, content, REFUSED, named(unknown))
    if kind == "most":
        return Body(kind, many_labels(MAX_LABELS), OK)
    if kind == "too many":
        return Body(kind, many_labels(MAX_LABELS + 1), REFUSED)
    if kind == "wide inside":
        return Body(kind, listed(b"labels", [wide(100_000)]), REFUSED, row=0)
    return invalid_body(random, kind, listed(b"labels", labels), "labels")


@cache
def many_labels(count: int) -> bytes:
    """Return a body of many labels, each of another transaction."""
    labels = [b'{"transaction_id":"many-%d","label":0}' % number for number in range(count)]
    return listed(b"labels", labels)


def label(random: Random) -> list[Field]:
    """Return a valid label of any transaction."""
    from_keys = random.random() < 0.2
    transaction = random.choice(KEYS) if from_keys else f"l-{random.getrandbits(60)}"
    fields = [
        (b'"transaction_id"', text(transaction)),
        (b'"label"', random.choice((b"0", b"1"))),
    ]
    if random.random() < 0.3:
        time = text(random.choice(GOOD_TIMES))
        fields.append((b'"labelled_at"', random.choice((time, b"null"))))
    return fields


def bad_label(random: Random) -> tuple[str, list[Field], str | None]:
    """Return the kind of a fault, a label with it, and the name of the invalid field."""
    fields = dict(label(random))
    name = random.choice(BAD_LABELS)
    if name == "missing":
        missing = random.choice(("transaction_id", "label"))
        fields.pop(text(missing))
        return "missing", list(fields.items()), missing
    if name == "unknown":
        unknown = random.choice(NAMES)
        return name, [*fields.items(), (text(unknown), b"1")], named(unknown)
    if name == "no text":
        return name, [(b'"transaction_id"', random.choice(RAW_STRINGS)), (b'"label"', b"1")], None
    values: dict[str, tuple[bytes, ...]] = {
        "transaction_id": (*map(text, (*BAD_KEYS, *BLANK_KEYS)), b"0.5", b"null", b"[]"),
        "label": (b"2", b"-1", b'"x"', b'""', b"null", b"0.5", b"9" * 400, b"1e999", b"[1]"),
        "labelled_at": (*map(text, BAD_TIMES), b"1e20", b"[]", b"true"),
    }
    fields[text(name)] = random.choice((*values[name], deep(1000, random)))
    return name, list(fields.items()), name
