"""Request bodies for the fuzz benchmark, with the responses that are right for them.

They are built as JSON text, because no JSON library writes a field twice, 1e999, or bytes that are
not UTF-8.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pipelines.rules.use_case.contract import Contract, Feature

MAX_ROWS = 1000
MAX_LABELS = 10_000
BODY_LIMIT = 2 * 2**20
REFUSED = (422,)
OK = (200,)
ANY: tuple[int, ...] = ()  # every status that is no server error
RARELY = 0.004  # share of bodies that are large
# Kinds of bodies, rows and labels; a kind is drawn as often as it is listed.
ROW_BODIES = (
    *("good",) * 6,
    *("bad row",) * 8,
    "doubled",
    "no row",
    "encoding",
    "cut",
    "white space",
)
BATCH_BODIES = (
    *("good",) * 4,
    *("bad row",) * 6,
    "none",
    "no rows",
    "unknown",
    "twice",
    "no row",
    "encoding",
    "cut",
)
LABEL_BODIES = (
    *("good",) * 2,
    *("bad label",) * 8,
    "none",
    "no labels",
    "unknown",
    "no row",
    "encoding",
    "cut",
)
BAD_ROWS = (
    *("another value",) * 6,
    "missing",
    "unknown",
    "unknown",
    "key",
    "time",
    "no JSON",
    "no text",
    "doubled",
)
BAD_LABELS = ("transaction_id", "label", "labelled_at", "unknown", "missing", "no text")

Field = tuple[bytes, bytes]  # key and value as JSON text


@dataclass
class Body:
    """A request's body and the right response.

    `fault` and `row` are the field and the row that the problem document must name.
    """

    kind: str
    content: bytes
    statuses: tuple[int, ...] = ANY
    fault: str | None = None
    row: int | None = None


def text(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def written(fields: Sequence[Field]) -> bytes:
    """Return an object of fields that are JSON already."""
    return b"{" + b",".join(key + b":" + value for key, value in fields) + b"}"


ZEROS = (
    b"0",
    b"-0",
    b"-0.0",
    b"0e0",
    b"5e-324",
    b"2.2250738585072011e-308",
    b"1e-400",
    b"0." + b"0" * 400 + b"1",
)


def number(random: Random, low: float, high: float) -> bytes:
    """Return a number between two limits, in one of several notations."""
    notation = random.random()
    if notation < 0.3 and low <= 0 <= high:
        return random.choice(ZEROS)
    if notation < 0.4:
        return repr(random.choice((low, high))).encode()
    if notation < 0.6:
        return b"%d" % random.randint(math.ceil(low), math.floor(high))
    value = low + (high - low) * random.random()
    return repr(value).encode() if notation < 0.8 else b"%.17e" % value


def good_value(random: Random, feature: Feature) -> bytes:
    """Return a value that the contract accepts."""
    if feature.nullable and random.random() < 0.2:
        return b"null"
    if feature.type == "category":
        return text(random.choice(feature.values))
    if feature.type == "bool":
        return random.choice((b"true", b"false"))
    if feature.type == "int":
        low, high = feature.range or (-(2**53), 2**53)
        least = math.ceil(low)
        greatest = math.floor(high)
        value = random.choice((least, greatest, random.randint(least, greatest)))
        return str(value).encode()
    return number(random, *(feature.range or (-3.4e38, 3.4e38)))


BAD_TEXTS = ("", "1", "true", "null", "NaN", "\0", "x" * 300, "\U0010ffff")
CONTAINERS = (b"[]", b"{}", b"[1]", b'{"a":1}', b"[null]")
LARGE_NUMBERS = (
    b"1e999", b"-1e999", b"9" * 400, b"-" + b"9" * 400, b"9" * 5000, b"1e308", b"-1e308",
)  # fmt: skip


def bad_value(random: Random, feature: Feature) -> bytes:
    """Return a value that is JSON and violates the feature's rule."""
    kinds = ["text", "container", "deep", "large", "large in a list", "deep in an object"]
    if not feature.nullable:
        kinds.append("null")
    if feature.type in ("float", "int"):
        kinds.append("boolean")
        if feature.range:
            kinds.append("outside")
    else:
        kinds.append("number")
    return _bad_value(random, random.choice(kinds), feature)


def _bad_value(random: Random, kind: str, feature: Feature) -> bytes:
    if kind == "text":
        return text(random.choice(BAD_TEXTS))
    if kind == "container":
        return random.choice(CONTAINERS)
    if kind == "deep":
        depth = random.choice((2, 10, 100, 400, 800, random.randint(900, 1100), 2000, 5000))
        return deep(depth, random)
    if kind == "large":
        return random.choice(LARGE_NUMBERS)
    if kind == "large in a list":
        return b"[" + random.choice((b"1e999", b"9" * 400, b"9" * 5000)) + b"]"
    if kind == "deep in an object":
        return b'{"a":' + deep(random.choice((100, 990, 3000)), random) + b"}"
    if kind == "boolean":
        return random.choice((b"true", b"false"))
    if kind == "outside" and feature.range:
        low, high = feature.range
        return repr(random.choice((low - 1, high + 1, -1e300, 1e300))).encode()
    if kind == "number":
        return random.choice((b"0", b"1", b"-1", b"0.5"))
    return b"null"


@cache
def nested(depth: int, kind: str) -> bytes:
    """Return nested arrays or objects."""
    opening, middle, closing = {
        "list": (b"[", b"", b"]"),
        "object": (b'{"a":', b"1", b"}"),
        "both": (b'[{"a":', b"1", b"}]"),
    }[kind]
    return opening * depth + middle + closing * depth


def deep(depth: int, random: Random) -> bytes:
    """Return nested arrays, objects or both."""
    return nested(depth, random.choice(("list", "object", "both")))


@cache
def wide(members: int) -> bytes:
    """Return an object of many members."""
    return written([(b'"k%d"' % index, b"%d" % index) for index in range(members)])


# Names of fields that are in no contract.
NAMES = (
    "", "x", "a.b", "a[0]", "rows", "labels", "__class__", "amount ", "AMOUNT", "\0", "`",
    "` - at `$.rows[0]", " - at `$.amount", "x` - at `$.rows[" + "9" * 5000 + "]",
    "x - at `$" * 50, "x" * 5000, "é", "\U0001f600", "a\nb", '"', "\\", "$", "'; DROP TABLE x",
)  # fmt: skip
# Strings that are not valid JSON or not valid text.
RAW_STRINGS = (
    b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf5\x80\x80\x80"', b'"\\ud800"', b'"\\udc00"',
    b'"\\ud800\\ud800"', b'"\\x41"', b'"\\u12"', b'"\x00"', b'"\x1f"', b'"open', b"'single'",
    b'"\\',
)  # fmt: skip
# Values that are not valid JSON.
RAW_VALUES = (
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"undefined", b"None", b"True", b"01", b"+1", b"1.",
    b".5", b"1e", b"0x10", b"1_000", b"--1", b"", b"tru", b"/*c*/1", b"1//", b"\x00", b"\xff",
)  # fmt: skip
# Valid keys: 1 to 128 characters without NUL.
KEYS = (
    "t", "t-1", "x" * 128, "é" * 128, "\U0001f600" * 128, " ", "\t", "\x7f", "\x01", "\\", '"', "'",
    "null", "\ufeff", "\u2028", "\uffff", "\ufffd", "a\nb", "%s", "{}", "$1", "\\.", "\\N",
)  # fmt: skip
BAD_KEYS = ("", "x" * 129, "a\0", "\0", "x" * 100_000)
GOOD_TIMES = (
    "1970-01-01T00:00:00Z",
    "2261-12-31T23:59:59.999999Z",
    "2026-02-28T23:59:59+14:00",
    "2000-02-29T00:00:00-12:00",
    "2026-01-01T00:00:00.123456789Z",
    "1970-01-01T00:00:00+23:59",
    "2261-12-31T23:59:59-23:59",
    "2026-01-01t00:00:00z",
    "2026-01-01 00:00:00Z",
)
BAD_TIMES = (
    "1969-12-31T23:59:59Z",
    "2262-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "",
    "now",
    "0000-00-00T00:00:00Z",
    "-2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "2026-W01-1",
    "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z" * 100,
)
CONTENT_TYPES = (
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json; charset=utf-16",
    b"text/plain",
    b"multipart/form-data",
    b"application/x-www-form-urlencoded",
    b"",
    b"\xff",
    b"x" * 2000,
    b"application/json\t",
    b"multipart/form-data; boundary=",
)


def good_row(random: Random, contract: Contract) -> list[Field]:
    """Return a valid row; optional fields may be missing, and the order may be any."""
    fields = [
        (text(feature.name), good_value(random, feature))
        for feature in contract.features
        if not (feature.nullable and random.random() < 0.3)
    ]
    if random.random() < 0.3:
        fields.append((b'"transaction_id"', text(random.choice(KEYS))))
    if random.random() < 0.2:
        fields.append((text(contract.entity_key), text(random.choice(KEYS))))
    if random.random() < 0.2:
        fields.append((b'"event_time"', text(random.choice(GOOD_TIMES))))
    if random.random() < 0.3:
        random.shuffle(fields)
    return fields


def bad_row(random: Random, contract: Contract) -> tuple[str, list[Field], str | None]:
    """Return the kind of a fault, a row with it, and the name of the invalid field.

    There is no name if the row is not valid JSON.
    """
    row = good_row(random, contract)
    feature = contract.features[random.randrange(len(contract.features))]
    kind = random.choice(BAD_ROWS)
    name = text(feature.name)
    if kind == "another value":
        value = bad_value(random, feature)
        return kind, inserted(random, without(row, name), (name, value)), feature.name
    if kind == "missing":
        required = random.choice([feature for feature in contract.features if not feature.nullable])
        return kind, without(row, text(required.name)), required.name
    if kind == "unknown":
        unknown = random.choice(NAMES)
        nested_value = deep(random.choice((3, 500, 995, 2000)), random)
        value = random.choice((b"1", b"null", b'"x"', nested_value, b"9" * 5000, b"1e999"))
        return kind, inserted(random, row, (text(unknown), value)), named(unknown)
    if kind == "key":
        key = random.choice(("transaction_id", contract.entity_key))
        bad_key = text(random.choice(BAD_KEYS))
        value = random.choice((bad_key, b"1", b"[]", b"true", deep(1500, random)))
        return kind, inserted(random, without(row, text(key)), (text(key), value)), key
    if kind == "time":
        bad_time = text(random.choice(BAD_TIMES))
        value = random.choice((bad_time, b"1e20", b"[]", b"true", b"9" * 400))
        event_time = b'"event_time"'
        return kind, inserted(random, without(row, event_time), (event_time, value)), "event_time"
    if kind == "doubled":
        return kind, [(name, bad_value(random, feature)), *row], None
    if kind == "no text":
        value_pair = (b'"transaction_id"', random.choice(RAW_STRINGS))
        name_pair = (random.choice(RAW_STRINGS), b"1")
        pair = random.choice((value_pair, name_pair))
        return kind, inserted(random, row, pair), None
    return kind, inserted(random, without(row, name), (name, random.choice(RAW_VALUES))), None


def without(row: list[Field], name: bytes) -> list[Field]:
    """Return the row without a field; `name` is JSON text."""
    return [pair for pair in row if pair[0] != name]


def named(unknown: str) -> str | None:
    """Return the name that the problem document must have for an unknown field.

    In msgspec's message, some names can't be distinguished from a path.
    """
    return None if "` - at `" in unknown else unknown


def inserted(random: Random, fields: list[Field], new: Field) -> list[Field]:
    """Return the fields with one more, at a random position."""
    position = random.randint(0, len(fields))
    return [*fields[:position], new, *fields[position:]]


def row_body(random: Random, contract: Contract) -> Body:
    """Return a body for predict or explain."""
    kind = random.choice(ROW_BODIES)
    if random.random() < RARELY:
        kind = random.choice(("wide", "wide inside", "limit", "long text", "deepest"))
    row = good_row(random, contract)
    content = written(row)
    if kind == "good":
        return Body(kind, content, OK)
    if kind == "white space":
        space = random.choice((b" ", b"\n\t\r ", b" " * 3000))
        return Body(kind, space + content.replace(b'":', b'"' + space + b":" + space) + space, OK)
    if kind == "bad row":
        fault_kind, fields, fault = bad_row(random, contract)
        return Body(fault_kind, written(fields), REFUSED, fault)
    if kind == "doubled":  # the last one counts, by definition
        return Body("a field twice", written([random.choice(row), *row]), OK)
    return invalid_body(random, kind, content, contract.features[0].name)


NO_ROWS = (b"", b"null", b"1", b"true", b'"x"', b"[]", b"9" * 5000, b"1e999")


def invalid_body(random: Random, kind: str, good: bytes, name: str) -> Body:
    """Return a body that is invalid as a whole; `good` is a valid one."""
    if kind == "no row":
        depth = random.choice((1, 5, 100, 900, random.randint(950, 1050), 1200, 10_000))
        value = random.choice((*NO_ROWS, deep(depth, random), b"[" * depth))
        return Body(kind, value, REFUSED)
    if kind == "encoding":
        codec = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-32-be", "utf-8-sig"))
        return Body(f"{kind} {codec}", good.decode().encode(codec), REFUSED)
    if kind == "cut":
        return Body(kind, good[: random.randrange(len(good))], REFUSED)
    if kind == "wide":
        return Body(kind, wide(100_000), REFUSED)
    if kind == "wide inside":
        member = b',"' + name.encode() + b'":' + wide(100_000) + b"}"
        return Body(kind, good[:-1] + member, REFUSED, name)
    if kind == "long text":
        member = b',"transaction_id":"' + b"x" * 1_500_000 + b'"}'
        return Body(kind, good[:-1] + member, REFUSED, "transaction_id")
    if kind == "deepest":
        return Body(kind, nested(random.choice((300_000, 200_000)), "list"), REFUSED)
    excess = random.choice((-1, 0, 1))
    content = good + b" " * (BODY_LIMIT + excess - len(good))
    return Body(f"limit {excess:+d}", content, (413,) if excess > 0 else OK)


def listed(key: bytes, items: Sequence[bytes]) -> bytes:
    """Return an object with one list; the items are JSON text."""
    return b'{"' + key + b'":[' + b",".join(items) + b"]}"


def batch_body(random: Random, contract: Contract) -> Body:
    """Return a body for predict/batch."""
    kind = random.choice(BATCH_BODIES)
    if random.random() < RARELY:
        kind = random.choice(("most", "too many", "wide", "limit", "wide inside"))
    count = random.choice((1, 2, 3, 8, 70)) if random.random() < 0.2 else random.randint(1, 3)
    rows = [written(good_row(random, contract)) for _ in range(count)]
    if kind == "good":
        return Body(f"{kind} {count}", listed(b"rows", rows), OK)
    if kind == "bad row":
        return batch_with_bad_row(random, contract, rows)
    if kind == "none":
        return Body(kind, b'{"rows":[]}', REFUSED, "rows")
    if kind == "no rows":
        value = random.choice((b"{}", b"1", b"null", b'"x"', rows[0], nested(2000, "object")))
        return Body(kind, b'{"rows":' + value + b"}", REFUSED, "rows")
    if kind == "unknown":
        unknown = random.choice([name for name in NAMES if name != "rows"])
        value = random.choice((b"1", deep(1000, random)))
        content = b'{"rows":[' + rows[0] + b"]," + text(unknown) + b":" + value + b"}"
        return Body(kind, content, REFUSED, named(unknown))
    if kind == "twice":
        return Body(kind, b'{"rows":[' + rows[0] + b'],"rows":[' + rows[-1] + b"]}", OK)
    if kind in ("most", "too many"):
        return large_batch(kind, rows[0])
    if kind == "wide inside":
        return Body(kind, listed(b"rows", [wide(100_000)]), REFUSED, row=0)
    return invalid_body(random, kind, listed(b"rows", rows), "rows")


def batch_with_bad_row(random: Random, contract: Contract, rows: list[bytes]) -> Body:
    """Return a batch in which one of the rows is replaced by an invalid one."""
    position = random.randrange(len(rows))
    kind, fields, fault = bad_row(random, contract)
    rows[position] = written(fields)
    if random.random() < 0.2:
        kind = "no object"
        rows[position] = random.choice((b"1", b"null", b"[]", nested(1000, "list")))
        fault = "rows"
    row = position if fault else None
    return Body(kind, listed(b"rows", rows), REFUSED, fault=fault, row=row)


def large_batch(kind: str, row: bytes) -> Body:
    """Return a batch of the largest allowed size ("most"), or with one row more ("too many")."""
    if kind == "too many":
        content = listed(b"rows", [row] * (MAX_ROWS + 1))
        body = Body(kind, content, REFUSED, "rows")
    else:
        body = Body(kind, listed(b"rows", [row] * MAX_ROWS), OK)
    if len(body.content) > BODY_LIMIT:
        return Body(kind, body.content, (413,))
    return body


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
        "transaction_id": (*map(text, BAD_KEYS), b"1", b"null", b"[]"),
        "label": (b"2", b"-1", b"true", b'"1"', b"null", b"0.5", b"9" * 400, b"1e999", b"[1]"),
        "labelled_at": (*map(text, BAD_TIMES), b"1e20", b"[]", b"true"),
    }
    fields[text(name)] = random.choice((*values[name], deep(1000, random)))
    return name, list(fields.items()), name
