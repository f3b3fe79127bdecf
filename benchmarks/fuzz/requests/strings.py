"""Names, keys, times and other strings that are hard to read or not valid."""

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
# Valid keys: 1 to 128 characters without NUL that are not blank.
KEYS = (
    "t-1", "x" * 128, "é" * 128, "\U0001f600" * 128, " a", "b\t", "\x7f", "\x01", "\\", '"', "'",
    "null", "\ufeff", "\u2028", "\uffff", "\ufffd", "a\nb", "%s", "{}", "$1", "\\.", "\\N",
)  # fmt: skip
BAD_KEYS = ("x" * 129, "a\0", "\0", "x" * 100_000)
BLANK_KEYS = ("", " ", "\t\n ")  # an entity may be blank, which means missing
GOOD_TIMES = (
    "1970-01-01T00:00:00Z",
    "2020-02-28T23:59:59+14:00",
    "2000-02-29T00:00:00-12:00",
    "2020-01-01T00:00:00.123456789Z",
    "2020-01-01t00:00:00z",
    "2020-01-01 00:00:00Z",
)
BAD_TIMES = (
    "1970-01-01T00:00:00+23:59",
    "1969-12-31T23:59:59Z",
    "2262-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2261-12-31T23:59:59.999999Z",
    "2261-12-31T23:59:59-23:59",
    "1767225600",
    "31/01/2020",
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


def named(unknown: str) -> str | None:
    """Return the name that the problem document must have for an unknown field.

    In msgspec's message, some names can't be distinguished from a path.
    """
    return None if "` - at `" in unknown else unknown
