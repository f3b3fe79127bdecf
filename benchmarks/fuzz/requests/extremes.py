"""Bodies that are deep, wide, repetitive, in another encoding, or have numbers of many digits."""

import gzip
from collections.abc import Callable
from functools import cache
from random import Random

from benchmarks.fuzz.requests.json_text import deep, text, wide

DEPTHS = (2, 100, 500, 900, 990, 1000, 1200, 5000, 30_000)
LONG = 0.05  # share of numbers and widths that are very large
NUMBERS = (
    b"1e-999999999", b"1E+0000000000000000000001", b"-0e-0", b"1e999999999", b"-1e-400", b"1e0400",
    b"0.1e309", b"18446744073709551616", b"-9223372036854775809", b"9007199254740993.0", b"1.0e+38",
    b"340282350000000000000000000000000000001", b"4.9e-324", b"1e-308", b"00", b"-", b"1e+",
)  # fmt: skip
ENCODINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: b"\xef\xbb\xbf" + good,
    lambda good: good.decode().encode("utf-16"),
    lambda good: good.decode().encode("utf-16-be"),
    lambda good: good.decode().encode("utf-32"),
    lambda good: b"\xff\xfe" + good,
    lambda good: b"\x00" + good,
    lambda good: good + b"\x00",
    lambda good: good[:-1] + b',"caf\xe9":1}',
    lambda good: good[:-1] + b',"\xed\xa0\x80":1}',
    lambda good: good[:-1] + b',"\xc0\xaf":1}',
    lambda good: good[:-1] + b',"\\ud83d":1}',
    lambda good: good[:-1] + b',"\\udc00\\ud800":"\\ud83d\\ude00\\ud83d"}',
    gzip.compress,
    lambda good: good + good,
    lambda good: good[::-1],
)


def extreme(random: Random, good: bytes, name: str) -> tuple[str, bytes, bool]:
    """Return the kind of an object that is refused, its text, and whether it may be valid.

    `good` is a valid object, and `name` one of its fields.
    """
    kind = random.choice(("deep", "wide", "repeated", "number", "encoding"))
    key = text(name)
    if kind == "encoding":
        return kind, random.choice(ENCODINGS)(good), False
    if kind == "deep":
        return kind, _added(good, random.choice((key, b'"x"')), _deep(random)), False
    if kind == "wide":
        return kind, _added(good, key, _wide(random)), False
    if kind == "number":
        # The field is in the object twice when `good` has it, which is refused.
        return kind, _added(good, random.choice((key, b'"x"')), _number(random)), True
    return kind, _repeated(random, good, key), False


def _added(good: bytes, key: bytes, value: bytes) -> bytes:
    return good[:-1] + b"," + key + b":" + value + b"}"


def _deep(random: Random) -> bytes:
    value = deep(random.choice(DEPTHS), random)
    if random.random() < 0.3:
        return value[: len(value) // 2] + random.choice((b'"\\u00e9"', b"1e999", b"NaN", b"\xff"))
    return value


def _wide(random: Random) -> bytes:
    if random.random() < LONG:
        return random.choice((wide(100_000), _zeros(500_000)))
    return random.choice((wide(2000), _zeros(10_000), b'"' + b"\\u0041" * 3000 + b'"'))


@cache
def _zeros(count: int) -> bytes:
    return b"[" + b",".join([b"0"] * count) + b"]"


def _number(random: Random) -> bytes:
    if random.random() < LONG:
        digits = b"9" * random.choice((4300, 4301, 100_000, 1_000_000))
        return random.choice((digits, b"0." + digits, b"1e" + digits, b"-" + digits, b"." + digits))
    return random.choice(NUMBERS)


def _repeated(random: Random, good: bytes, key: bytes) -> bytes:
    """Return an object with a name twice or more, possibly written with an escape."""
    escaped = b'"\\u%04x' % key[1] + key[2:]
    name = random.choice((key, escaped))
    if random.random() < 0.3:
        return _added(good, b'"x"', b'{"a":1,"a":' + random.choice((b"2}", b'{"a":1,"a":1}}')))
    times = random.choice((2, 2, 3, 3000))
    return good[:-1] + (b"," + name + b":1") * times + b"}"
