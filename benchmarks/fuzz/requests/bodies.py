"""Bodies with one row or with several, and the responses that are right for them."""

import json
from dataclasses import dataclass
from random import Random

from benchmarks.fuzz.requests.extremes import extreme
from benchmarks.fuzz.requests.json_text import Field, deep, listed, nested, text, wide, written
from benchmarks.fuzz.requests.rows import bad_row, good_row
from benchmarks.fuzz.requests.strings import NAMES, named
from pipelines.rules.use_case.contract import Contract

MAX_ROWS = 1000
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
    *("extreme",) * 2,
    "no row",
    "encoding",
    "cut",
    "white space",
    "spelled",
)
BATCH_BODIES = (
    *("good",) * 4,
    *("bad row",) * 6,
    "none",
    "no rows",
    "unknown",
    "twice",
    *("extreme",) * 2,
    "no row",
    "encoding",
    "cut",
)


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


def row_body(random: Random, contract: Contract) -> Body:
    """Return a body for predict or explain."""
    kind = random.choice(ROW_BODIES)
    if random.random() < RARELY:
        kind = random.choice(("wide", "wide inside", "limit", "long text", "deepest"))
    row = good_row(random, contract)
    content = written(row)
    if kind == "good":
        return Body(kind, content, OK)
    if kind == "spelled":
        return Body("values as text", written([spelled(field) for field in row]), OK)
    if kind == "white space":
        space = random.choice((b" ", b"\n\t\r ", b" " * 3000))
        return Body(kind, space + content.replace(b'":', b'"' + space + b":" + space) + space, OK)
    if kind == "bad row":
        fault_kind, fields, fault = bad_row(random, contract)
        return Body(fault_kind, written(fields), REFUSED, fault)
    if kind == "doubled":
        doubled = random.choice([field for field in row if field[1] != b"null"])
        return Body("a field twice", written([doubled, *row]), REFUSED, json.loads(doubled[0]))
    if kind == "extreme":
        extreme_kind, content, may_be_valid = extreme(random, content, contract.features[0].name)
        return Body(f"{kind} {extreme_kind}", content, ANY if may_be_valid else REFUSED)
    return invalid_body(random, kind, content, contract.features[0].name)


def spelled(field: Field) -> Field:
    """Return a field whose number or bool is text."""
    key, value = field
    return field if value[:1] in (b'"', b"n") else (key, text(value.decode()))


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
        return Body(
            kind, b'{"rows":[' + rows[0] + b'],"rows":[' + rows[-1] + b"]}", REFUSED, "rows"
        )
    if kind == "extreme":
        extreme_kind, content, may_be_valid = extreme(random, rows[0], contract.features[0].name)
        statuses = ANY if may_be_valid else REFUSED
        return Body(f"{kind} {extreme_kind}", listed(b"rows", [content]), statuses)
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
