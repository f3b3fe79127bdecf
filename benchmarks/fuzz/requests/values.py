"""Values of a feature: valid ones, and ones that violate its rule."""

import math
from random import Random

from benchmarks.fuzz.requests.json_text import deep, text
from pipelines.rules.use_case.contract import Feature

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
        low, high = feature.range or (-(2**53 - 1), 2**53 - 1)
        least = math.ceil(low)
        greatest = math.floor(high)
        value = random.choice((least, greatest, random.randint(least, greatest)))
        return str(value).encode()
    return number(random, *(feature.range or (-3.4e38, 3.4e38)))


BAD_TEXTS = ("x", "1 2", "1,5", "0x1", "inf", "?", "\0", "x" * 300, "\U0010ffff")
MISSING_TEXTS = ("", " ", "null", "NaN")
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
        texts = BAD_TEXTS if feature.nullable else (*BAD_TEXTS, *MISSING_TEXTS)
        return text(random.choice(texts))
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
        return random.choice((b"2", b"-1", b"0.5"))
    return b"null"
