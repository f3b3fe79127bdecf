"""Numbers and bools."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa

from pipelines.rules.use_case import spellings
from pipelines.rules.use_case.likely_causes import (
    CURRENCY,
    DECIMAL_COMMA,
    MISSING_WORD,
    NOT_NULLABLE,
    PERCENT,
    THOUSANDS,
)
from pipelines.rules.use_case.spellings import (
    ABSENT,
    ACCEPTED,
    CLIPPED,
    NOT_A_NUMBER,
    NOT_BOOLEAN,
    NOT_EXACT,
    NOT_WHOLE,
    TOO_LARGE,
)
from tests.golden.table import REQUESTS, Case, Json, refused, taken

EXACT = spellings.EXACT
WORD = MISSING_WORD.in_request
NULL = NOT_NULLABLE.in_request
BEYOND = "outside [0, 1000]"
DAY = dt.date(2026, 1, 31)

# fmt: off
FLOATS: list[Case] = [
    taken("amount", "12.5", 12.5),
    taken("amount", " 12.5 ", 12.5),
    taken("amount", "\t12.5\n", 12.5),
    taken("amount", "+12.5", 12.5),
    taken("amount", "1.", 1.0),
    taken("amount", ".5", 0.5),
    taken("amount", "1e3", 1000.0),
    taken("amount", "1E-3", 0.001),
    taken("amount", "007", 7.0),
    taken("amount", "-0", 0.0),
    taken("amount", 12.5, 12.5),
    taken("amount", 12.5, 12.5, type=pa.float32()),
    taken("amount", 3, 3.0),
    taken("amount", 3, 3.0, type=pa.int8()),
    taken("amount", Decimal("12.50"), 12.5),
    taken("amount", b"12.5", 12.5),
    taken("amount", 1000, 1000.0),
    taken("balance", "3.4e38", 3.4e38),
    taken("balance", "1e-400", 0.0),
    taken("balance", -1.5, -1.5),
    refused("amount", "1000.0001", BEYOND),
    refused("amount", "-1", BEYOND),
    refused("amount", 1000.5, BEYOND),
    refused("amount", -1, BEYOND),
    refused("amount", "1,5", NOT_A_NUMBER, DECIMAL_COMMA.in_request),
    refused("amount", "1.234,5", NOT_A_NUMBER, DECIMAL_COMMA.in_request),
    refused("amount", "1,234.5", NOT_A_NUMBER, THOUSANDS.in_request),
    refused("amount", "12 345", NOT_A_NUMBER, THOUSANDS.in_request),
    refused("amount", "1'234.50", NOT_A_NUMBER, THOUSANDS.in_request),
    refused("amount", "$12", NOT_A_NUMBER, CURRENCY.in_request),
    refused("amount", "12 €", NOT_A_NUMBER, CURRENCY.in_request),
    refused("amount", "EUR 12.5", NOT_A_NUMBER, CURRENCY.in_request),
    refused("amount", "12.5 EUR", NOT_A_NUMBER, CURRENCY.in_request),
    refused("amount", "12%", NOT_A_NUMBER, PERCENT.in_request),
    refused("amount", "1_000", NOT_A_NUMBER, THOUSANDS.in_request),
    refused("amount", "0x1F", NOT_A_NUMBER),
    refused("amount", "١٢", NOT_A_NUMBER),
    refused("amount", "inf", NOT_A_NUMBER),
    refused("amount", "-Infinity", NOT_A_NUMBER),
    refused("amount", "1e", NOT_A_NUMBER),
    refused("amount", ".", NOT_A_NUMBER, WORD),
    refused("amount", "true", NOT_A_NUMBER),
    refused("amount", True, NOT_A_NUMBER),
    refused("amount", "#REF!", NOT_A_NUMBER),
    refused("amount", "12.5 12.5", NOT_A_NUMBER),
    refused("amount", DAY, NOT_A_NUMBER),
    refused("amount", [1], NOT_A_NUMBER),
    refused("amount", {"a": 1}, NOT_A_NUMBER),
    refused("amount", b"\xff", NOT_A_NUMBER),
    refused("amount", "1e39", TOO_LARGE),
    refused("amount", "1e400", TOO_LARGE),
    refused("amount", Json("1e400"), TOO_LARGE, doors=REQUESTS),
    *[refused("amount", Json(number), TOO_LARGE, doors=REQUESTS) for number in (
        "9" * 400, "9" * 5000, "-1e999",
    )],
    *[refused("accounts", Json(number), NOT_EXACT, doors=REQUESTS) for number in (
        "9" * 400, "9" * 5000, "1e400",
    )],
    *[refused("owner", Json(number), NOT_BOOLEAN, doors=REQUESTS) for number in ("9" * 400, "1e400")],
    refused("balance", "3.5e38", TOO_LARGE),
    refused("amount", None, ABSENT),
    refused("amount", "", ABSENT),
    refused("amount", "  ", ABSENT),
    refused("amount", "NA", ABSENT, NULL),
    refused("amount", "null", ABSENT, NULL),
    refused("amount", float("nan"), ABSENT),
]
MISSING: list[Case] = [
    *[taken("balance", word, None) for word in (
        None, "", " ", "NA", "n/a", "N/A", "NaN", "nan", "null", "NULL", "None", " na ", float("nan"),
    )],
    *[refused("balance", word, NOT_A_NUMBER, WORD) for word in (
        "?", "-", "unknown", "missing", "--", ".",
    )],
    *[taken("bureau", code, None) for code in (
        "-7", "-7.0", " -8 ", "-9e0", -7, -9.0, "?", "", None, Decimal("-8"),
    )],
    taken("bureau", "-6", -6.0),
    taken("bureau", 7, 7.0),
    refused("bureau", "NA", NOT_A_NUMBER, WORD),
    refused("bureau", "??", NOT_A_NUMBER, WORD),
    taken("dependents", "NA", None),
    taken("dependents", "", None),
    refused("dependents", "na", NOT_A_NUMBER, WORD),
    refused("dependents", "null", NOT_A_NUMBER, WORD),
]
BEYOND_THE_RANGE: list[Case] = [
    taken("capped", "11", 10.0, CLIPPED),
    taken("capped", -1, 0.0, CLIPPED),
    taken("capped", 10.0, 10.0),
    taken("open_ended", "11", 11.0, ACCEPTED),
    taken("open_ended", -0.5, -0.5, ACCEPTED),
    refused("capped", "1e39", TOO_LARGE),
    refused("open_ended", 1e300, TOO_LARGE),
    refused("open_ended", "NA", ABSENT, NULL),
]
INTEGERS: list[Case] = [
    *[taken("accounts", value, 3.0) for value in ("3", "3.0", "3e0", "+3", 3, 3.0, Decimal("3.00"))],
    taken("accounts", "1e2", 100.0),
    taken("dependents", str(EXACT), float(EXACT)),
    taken("dependents", -EXACT, -float(EXACT)),
    refused("accounts", "3.5", NOT_WHOLE),
    refused("accounts", 3.5, NOT_WHOLE),
    refused("accounts", "101", "outside [0, 100]"),
    refused("accounts", 101, "outside [0, 100]"),
    refused("accounts", "1,000", NOT_A_NUMBER, THOUSANDS.in_request),
    refused("accounts", True, NOT_A_NUMBER),
    refused("dependents", "9007199254740993", NOT_EXACT),
    refused("dependents", 9007199254740993, NOT_EXACT),
    refused("dependents", 2**63 - 1, NOT_EXACT),
]
BOOLS: list[Case] = [
    *[taken("owner", value, 1.0) for value in (
        "true", "TRUE", "t", "yes", "Y", "1", "1.0", " True ", True, 1, 1.0,
    )],
    *[taken("owner", value, 0.0) for value in ("false", "f", "No", "n", "0", "0.0", False, 0, 0.0)],
    *[refused("owner", value, NOT_BOOLEAN) for value in ("2", 2, 0.5, "on", "oui", "x", "-1", [True])],
    refused("owner", "", ABSENT),
    refused("owner", None, ABSENT),
    refused("owner", "NA", ABSENT, NULL),
    *[taken("married", value, None) for value in ("", None, "NA", "none")],
    refused("married", "unknown", NOT_BOOLEAN, WORD),
    *[taken("smoker", value, None) for value in ("9", "9.0", 9, 9.0, "")],
    refused("smoker", "NA", NOT_BOOLEAN, WORD),
]
# fmt: on
CASES = [*FLOATS, *MISSING, *BEYOND_THE_RANGE, *INTEGERS, *BOOLS]
