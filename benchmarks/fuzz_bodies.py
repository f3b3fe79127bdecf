"""Bodies for the fuzz benchmark, as pieces of JSON text: so they can hold what no JSON library writes.

A field twice, 1e999, bytes that are not UTF-8; each body comes with what has to come back for it.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pipelines.rules.use_case.contract import Contract, Feature

MAX_ROWS, MAX_LABELS = 1000, 10_000
BODY_LIMIT = 2 * 2**20
REFUSED, OK = (422,), (200,)
ANY: tuple[int, ...] = ()  # whatever is no server error
RARELY = 0.004  # share of bodies that are large

Field = tuple[bytes, bytes]  # key and value as JSON text


@dataclass
class Body:
    """A request's body, and what has to come back for it."""

    kind: str
    content: bytes
    statuses: tuple[int, ...] = ANY
    fault: str | None = None
    row: int | None = None


def text(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


def written(fields: Sequence[Field]) -> bytes:
    """An object of fields that are JSON already."""
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
    """A number between two limits, in one of the many ways to write it."""
    way = random.random()
    if way < 0.3 and low <= 0 <= high:
        return random.choice(ZEROS)
    if way < 0.4:
        return repr(random.choice((low, high))).encode()
    if way < 0.6:
        return b"%d" % random.randint(math.ceil(low), math.floor(high))
    value = low + (high - low) * random.random()
    return repr(value).encode() if way < 0.8 else b"%.17e" % value


def good_value(random: Random, feature: Feature) -> bytes:
    """A value that the contract accepts."""
    if feature.nullable and random.random() < 0.2:
        return b"null"
    if feature.type == "category":
        return text(random.choice(feature.values))
    if feature.type == "bool":
        return random.choice((b"true", b"false"))
    if feature.type == "int":
        low, high = feature.range or (-(2**53), 2**53)
        return str(
            random.choice(
                (math.ceil(low), math.floor(high), random.randint(math.ceil(low), math.floor(high)))
            )
        ).encode()
    return number(random, *(feature.range or (-3.4e38, 3.4e38)))


def bad_value(random: Random, feature: Feature) -> bytes:
    """A value that is JSON and breaks the feature's rule."""
    choices: list[Callable[[], bytes]] = [
        lambda: text(
            random.choice(("", "1", "true", "null", "NaN", "\0", "x" * 300, "\U0010ffff"))
        ),
        lambda: random.choice((b"[]", b"{}", b"[1]", b'{"a":1}', b"[null]")),
        lambda: deep(
            random.choice((2, 10, 100, 400, 800, random.randint(900, 1100), 2000, 5000)), random
        ),
        lambda: random.choice(
            (b"1e999", b"-1e999", b"9" * 400, b"-" + b"9" * 400, b"9" * 5000, b"1e308", b"-1e308")
        ),
        lambda: b"[" + random.choice((b"1e999", b"9" * 400, b"9" * 5000)) + b"]",
        lambda: b'{"a":' + deep(random.choice((100, 990, 3000)), random) + b"}",
    ]
    if not feature.nullable:
        choices.append(lambda: b"null")
    if feature.type in ("float", "int"):
        choices.append(lambda: random.choice((b"true", b"false")))
        if feature.range:
            low, high = feature.range
            choices.append(lambda: repr(random.choice((low - 1, high + 1, -1e300, 1e300))).encode())
    else:
        choices.append(lambda: random.choice((b"0", b"1", b"-1", b"0.5")))
    return random.choice(choices)()


@cache
def nested(depth: int, kind: str) -> bytes:
    """Arrays or objects, one in the other."""
    opening, middle, closing = {
        "list": (b"[", b"", b"]"),
        "object": (b'{"a":', b"1", b"}"),
        "both": (b'[{"a":', b"1", b"}]"),
    }[kind]
    return opening * depth + middle + closing * depth


def deep(depth: int, random: Random) -> bytes:
    """Something nested that deep."""
    return nested(depth, random.choice(("list", "object", "both")))


@cache
def wide(members: int) -> bytes:
    """An object of many members."""
    return written([(b'"k%d"' % place, b"%d" % place) for place in range(members)])


NAMES = (  # of fields that no contract knows
    "", "x", "a.b", "a[0]", "rows", "labels", "__class__", "amount ", "AMOUNT", "\0", "`", "` - at `$.rows[0]",
    " - at `$.amount",
    "x` - at `$.rows[" + "9" * 5000 + "]", "x - at `$" * 50, "x" * 5000, "é", "\U0001f600", "a\nb", '"', "\\", "$",
    "'; DROP TABLE x",
)  # fmt: skip
RAW_STRINGS = (  # that are no JSON, or no text
    b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf5\x80\x80\x80"', b'"\\ud800"', b'"\\udc00"',
    b'"\\ud800\\ud800"', b'"\\x41"',
    b'"\\u12"', b'"\x00"', b'"\x1f"', b'"open', b"'single'", b'"\\',
)  # fmt: skip
RAW_VALUES = (  # that are no JSON
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"undefined", b"None", b"True", b"01", b"+1", b"1.", b".5", b"1e",
    b"0x10",
    b"1_000",
    b"--1", b"", b"tru", b"/*c*/1", b"1//", b"\x00", b"\xff",
)  # fmt: skip
KEYS = (  # that are text of 1 to 128 characters without NUL
    "t", "t-1", "x" * 128, "é" * 128, "\U0001f600" * 128, " ", "\t", "\x7f", "\x01", "\\", '"', "'", "null", "\ufeff",
    "\u2028",
    "\uffff", "\ufffd", "a\nb", "%s", "{}", "$1", "\\.", "\\N",
)  # fmt: skip
BAD_KEYS = ("", "x" * 129, "a\0", "\0", "x" * 100_000)
GOOD_TIMES = (
    "1970-01-01T00:00:00Z", "2261-12-31T23:59:59.999999Z", "2026-02-28T23:59:59+14:00", "2000-02-29T00:00:00-12:00",
    "2026-01-01T00:00:00.123456789Z", "1970-01-01T00:00:00+23:59", "2261-12-31T23:59:59-23:59", "2026-01-01t00:00:00z",
    "2026-01-01 00:00:00Z",
)  # fmt: skip
BAD_TIMES = (
    "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2026-01-01T00:00:00",
    "2026-01-01", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "", "now",
    "0000-00-00T00:00:00Z",
    "-2026-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99", "2026-W01-1", "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z" * 100,
)  # fmt: skip
CONTENT_TYPES = (
    b"application/json", b"application/json; charset=utf-8", b"application/json; charset=utf-16", b"text/plain",
    b"multipart/form-data",
    b"application/x-www-form-urlencoded", b"", b"\xff", b"x" * 2000, b"application/json\t",
    b"multipart/form-data; boundary=",
)  # fmt: skip


def good_row(random: Random, contract: Contract) -> list[Field]:
    """A row that is accepted; what may be left out is left out at times, and the order is any."""
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
    """A row with one fault: its kind, the row, and the field that has to be named; no name where it is no JSON any more."""
    row = good_row(random, contract)
    place = random.randrange(len(contract.features))
    feature = contract.features[place]
    kind = random.choice(
        ("another value",) * 6
        + ("missing", "unknown", "unknown", "key", "time", "no JSON", "no text", "doubled")
    )
    name = text(feature.name)
    without = [pair for pair in row if pair[0] != name]
    if kind == "another value":
        return kind, inserted(random, without, (name, bad_value(random, feature))), feature.name
    if kind == "missing":
        required = random.choice([feature for feature in contract.features if not feature.nullable])
        return kind, [pair for pair in row if pair[0] != text(required.name)], required.name
    if kind == "unknown":
        unknown = random.choice(NAMES)
        value = random.choice(
            (
                b"1",
                b"null",
                b'"x"',
                deep(random.choice((3, 500, 995, 2000)), random),
                b"9" * 5000,
                b"1e999",
            )
        )
        return kind, inserted(random, row, (text(unknown), value)), named(unknown)
    if kind == "key":
        key = random.choice(("transaction_id", contract.entity_key))
        value = random.choice(
            (text(random.choice(BAD_KEYS)), b"1", b"[]", b"true", deep(1500, random))
        )
        return (
            kind,
            inserted(random, [pair for pair in row if pair[0] != text(key)], (text(key), value)),
            key,
        )
    if kind == "time":
        value = random.choice((text(random.choice(BAD_TIMES)), b"1e20", b"[]", b"true", b"9" * 400))
        return (
            kind,
            inserted(
                random,
                [pair for pair in row if pair[0] != b'"event_time"'],
                (b'"event_time"', value),
            ),
            "event_time",
        )
    if kind == "doubled":
        return kind, [(name, bad_value(random, feature)), *row], None
    if kind == "no text":
        return (
            kind,
            inserted(
                random,
                row,
                random.choice(
                    (
                        (b'"transaction_id"', random.choice(RAW_STRINGS)),
                        (random.choice(RAW_STRINGS), b"1"),
                    )
                ),
            ),
            None,
        )
    return kind, inserted(random, without, (name, random.choice(RAW_VALUES))), None


def named(unknown: str) -> str | None:
    """The name that a refusal gives back; msgspec's message does not tell some names from a place."""
    return None if "` - at `" in unknown else unknown


def inserted(random: Random, fields: list[Field], new: Field) -> list[Field]:
    """The fields with one more, somewhere."""
    place = random.randint(0, len(fields))
    return [*fields[:place], new, *fields[place:]]


def row_body(random: Random, contract: Contract) -> Body:
    """A body for predict or explain."""
    kind = random.choice(
        ("good",) * 6 + ("bad row",) * 8 + ("doubled", "no row", "encoding", "cut", "white space")
    )
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
        what, fields, fault = bad_row(random, contract)
        return Body(what, written(fields), REFUSED, fault)
    if kind == "doubled":  # defined: the last one counts
        return Body("a field twice", written([random.choice(row), *row]), OK)
    return odd_body(random, kind, content, contract.features[0].name)


def odd_body(random: Random, kind: str, good: bytes, name: str) -> Body:
    """A body that is wrong as a whole; `good` is one that would be accepted."""
    if kind == "no row":
        depth = random.choice((1, 5, 100, 900, random.randint(950, 1050), 1200, 10_000))
        value = random.choice(
            (
                b"",
                b"null",
                b"1",
                b"true",
                b'"x"',
                b"[]",
                b"9" * 5000,
                b"1e999",
                deep(depth, random),
                b"[" * depth,
            )
        )
        return Body(kind, value, REFUSED)
    if kind == "encoding":
        codec = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-32-be", "utf-8-sig"))
        return Body(f"{kind} {codec}", good.decode().encode(codec), REFUSED)
    if kind == "cut":
        return Body(kind, good[: random.randrange(len(good))], REFUSED)
    if kind == "wide":
        return Body(kind, wide(100_000), REFUSED)
    if kind == "wide inside":
        return Body(
            kind, good[:-1] + b',"' + name.encode() + b'":' + wide(100_000) + b"}", REFUSED, name
        )
    if kind == "long text":
        return Body(
            kind,
            good[:-1] + b',"transaction_id":"' + b"x" * 1_500_000 + b'"}',
            REFUSED,
            "transaction_id",
        )
    if kind == "deepest":
        return Body(kind, nested(random.choice((300_000, 200_000)), "list"), REFUSED)
    over = random.choice((-1, 0, 1))
    return Body(
        f"limit {over:+d}",
        good + b" " * (BODY_LIMIT + over - len(good)),
        (413,) if over > 0 else OK,
    )


def batch_body(random: Random, contract: Contract) -> Body:
    """A body for predict/batch."""
    kind = random.choice(
        ("good",) * 4
        + ("bad row",) * 6
        + ("none", "no rows", "unknown", "twice", "no row", "encoding", "cut")
    )
    if random.random() < RARELY:
        kind = random.choice(("most", "too many", "wide", "limit", "wide inside"))
    count = random.choice((1, 2, 3, 8, 70)) if random.random() < 0.2 else random.randint(1, 3)
    rows = [written(good_row(random, contract)) for _ in range(count)]
    good = b'{"rows":[' + b",".join(rows) + b"]}"
    if kind == "good":
        return Body(f"{kind} {count}", good, OK)
    if kind == "bad row":
        place = random.randrange(count)
        what, fields, fault = bad_row(random, contract)
        rows[place] = written(fields)
        if random.random() < 0.2:
            what, rows[place], fault = (
                "no object",
                random.choice((b"1", b"null", b"[]", nested(1000, "list"))),
                "rows",
            )
        return Body(
            what, b'{"rows":[' + b",".join(rows) + b"]}", REFUSED, fault, place if fault else None
        )
    if kind == "none":
        return Body(kind, b'{"rows":[]}', REFUSED, "rows")
    if kind == "no rows":
        value = random.choice((b"{}", b"1", b"null", b'"x"', rows[0], nested(2000, "object")))
        return Body(kind, b'{"rows":' + value + b"}", REFUSED, "rows")
    if kind == "unknown":
        unknown = random.choice([name for name in NAMES if name != "rows"])
        value = random.choice((b"1", deep(1000, random)))
        return Body(
            kind,
            b'{"rows":[' + rows[0] + b"]," + text(unknown) + b":" + value + b"}",
            REFUSED,
            named(unknown),
        )
    if kind == "twice":
        return Body(kind, b'{"rows":[' + rows[0] + b'],"rows":[' + rows[-1] + b"]}", OK)
    if kind in ("most", "too many"):
        many = b'{"rows":[' + b",".join([rows[0]] * (MAX_ROWS + (kind == "too many"))) + b"]}"
        if len(many) > BODY_LIMIT:
            return Body(kind, many, (413,))
        return Body(
            kind,
            many,
            REFUSED if kind == "too many" else OK,
            "rows" if kind == "too many" else None,
        )
    if kind == "wide inside":
        return Body(kind, b'{"rows":[' + wide(100_000) + b"]}", REFUSED, None, 0)
    return odd_body(random, kind, good, "rows")


def labels_body(random: Random, contract: Contract) -> Body:
    """A body for labels."""
    kind = random.choice(
        ("good",) * 2
        + ("bad label",) * 8
        + ("none", "no labels", "unknown", "no row", "encoding", "cut")
    )
    if random.random() < RARELY:
        kind = random.choice(("most", "too many", "wide", "limit", "wide inside"))
    count = random.randint(1, 3)
    labels = [written(label(random)) for _ in range(count)]
    good = b'{"labels":[' + b",".join(labels) + b"]}"
    if kind == "good":
        return Body(kind, good, OK)
    if kind == "bad label":
        place = random.randrange(count)
        what, fields, fault = bad_label(random)
        labels[place] = written(fields)
        return Body(
            what,
            b'{"labels":[' + b",".join(labels) + b"]}",
            REFUSED,
            fault,
            place if fault else None,
        )
    if kind == "none":
        return Body(kind, b'{"labels":[]}', REFUSED, "labels")
    if kind == "no labels":
        return Body(
            kind,
            b'{"labels":' + random.choice((b"{}", b"1", b"null", nested(2000, "object"))) + b"}",
            REFUSED,
            "labels",
        )
    if kind == "unknown":
        unknown = random.choice([name for name in NAMES if name != "labels"])
        return Body(
            kind,
            b'{"labels":[' + labels[0] + b"]," + text(unknown) + b":1}",
            REFUSED,
            named(unknown),
        )
    if kind in ("most", "too many"):
        return Body(
            kind,
            many_labels(MAX_LABELS + (kind == "too many")),
            REFUSED if kind == "too many" else OK,
        )
    if kind == "wide inside":
        return Body(kind, b'{"labels":[' + wide(100_000) + b"]}", REFUSED, None, 0)
    return odd_body(random, kind, good, "labels")


@cache
def many_labels(count: int) -> bytes:
    """A body of many labels, each of another transaction."""
    return (
        b'{"labels":['
        + b",".join(b'{"transaction_id":"many-%d","label":0}' % place for place in range(count))
        + b"]}"
    )


def label(random: Random) -> list[Field]:
    """A label that is accepted, of any transaction."""
    fields = [
        (
            b'"transaction_id"',
            text(random.choice(KEYS) if random.random() < 0.2 else f"l-{random.getrandbits(60)}"),
        ),
        (b'"label"', random.choice((b"0", b"1"))),
    ]
    if random.random() < 0.3:
        fields.append((b'"labelled_at"', random.choice((text(random.choice(GOOD_TIMES)), b"null"))))
    return fields


def bad_label(random: Random) -> tuple[str, list[Field], str | None]:
    """A label with one fault."""
    fields = dict(label(random))
    name = random.choice(
        ("transaction_id", "label", "labelled_at", "unknown", "missing", "no text")
    )
    if name == "missing":
        gone = random.choice(("transaction_id", "label"))
        fields.pop(text(gone))
        return "missing", list(fields.items()), gone
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
