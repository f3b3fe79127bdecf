"""Ids and times."""

import datetime as dt
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from pipelines.rules.use_case.likely_causes import DAY_AND_MONTH, UNIX_TIME
from pipelines.rules.use_case.spellings import FAR_YEAR, IN_FUTURE, NOT_A_TIME, NOT_AN_ID
from tests.golden.table import FILES, REQUESTS, ROWS, Case, Json, refused, taken

NOW = datetime.now(UTC)
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
DAY = datetime(2026, 1, 31, tzinfo=UTC)
TYPED = ("typed columns", *REQUESTS)  # text is exactly the id
UNIX = UNIX_TIME.in_request
ORDER = DAY_AND_MONTH.in_request

# fmt: off
IDS: list[Case] = [
    *[taken("loan_id", text, text) for text in (
        "t-1", " t-1 ", "T-1", "007", "7", "7.0", "1e5", "NA", "null", "nan", "12345678901234567890",
        "ä", "x" * 128, "🙂" * 128, "a\tb", "00000000-0000-0000-0000-000000000000",
    )],
    taken("loan_id", 7, "7"),
    taken("loan_id", 7.0, "7", doors=TYPED),
    taken("loan_id", 0, "0"),
    taken("loan_id", -3, "-3"),
    taken("loan_id", 2**62, str(2**62)),
    taken("loan_id", 2**64 - 1, str(2**64 - 1), type=pa.uint64()),
    taken("loan_id", Decimal("123456789012345678901"), "123456789012345678901"),
    taken("loan_id", b"t-1", "t-1"),
    taken("loan_id", "t-1", "t-1", type=pa.large_string()),
    refused("loan_id", 7.5, NOT_AN_ID, doors=TYPED),
    refused("loan_id", 2.0**53, NOT_AN_ID, doors=TYPED),
    refused("loan_id", True, NOT_AN_ID, doors=TYPED),
    refused("loan_id", "x" * 129, NOT_AN_ID),
    refused("loan_id", "", NOT_AN_ID),
    refused("loan_id", "   ", NOT_AN_ID),
    refused("loan_id", "a\0b", NOT_AN_ID),
    refused("loan_id", b"\xff", NOT_AN_ID),
    refused("loan_id", [1], NOT_AN_ID),
    refused("loan_id", dt.date(2026, 1, 31), NOT_AN_ID, doors=("typed columns",)),
    *[refused("loan_id", Json(number), NOT_AN_ID, doors=REQUESTS) for number in (
        "1e400", "9" * 129, "9" * 400, "9" * 5000, "-" + "9" * 400,
    )],
    taken("loan_id", Json("9" * 127), "9" * 127, doors=REQUESTS),
    refused("loan_id", None, NOT_AN_ID, doors=FILES),
    taken("loan_id", None, None, doors=ROWS),
    refused("loan_id", float("nan"), NOT_AN_ID, doors=("typed columns",)),
    taken("member_id", "c 1", "c 1"),
    taken("member_id", 0, "0"),
    taken("member_id", 7.0, "7", doors=TYPED),
    taken("member_id", None, None),
    taken("member_id", "", None),
    taken("member_id", " ", None),
    refused("member_id", False, NOT_AN_ID, doors=TYPED),
    refused("member_id", "x" * 129, NOT_AN_ID),
    refused("member_id", 0.5, NOT_AN_ID, doors=TYPED),
]
TIMES: list[Case] = [
    *[taken("issued", text, TEN) for text in (
        "2026-01-01T10:00:00Z", "2026-01-01 10:00:00+00", "2026-01-01 10:00:00 UTC",
        "2026-01-01T10:00:00", "2026-01-01 10:00", "2026-01-01T10:00:00.000Z",
        "2026-01-01T12:00:00+02:00", "2026-01-01T04:30:00-0530", "2026-01-01T10:00:00z",
        " 2026-01-01 10:00:00 ", "2026-01-01T11:00:00 +01", "2026-01-01t10:00:00Z", "2026-01-01 10:00:00+00:00",
    )],
    taken("issued", "2026-01-31", DAY),
    taken("issued", "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    taken("issued", "1970-01-01", datetime(1970, 1, 1, tzinfo=UTC)),
    taken("issued", "2026-01-01T10:00:00.123456789Z", TEN + timedelta(microseconds=123457)),
    taken("issued", "2026-01-01T10:00:00.9999999Z", TEN + timedelta(seconds=1)),
    taken("issued", "2026-01-01 10:00:00.5", TEN + timedelta(seconds=0.5)),
    taken("issued", (NOW + timedelta(hours=20)).isoformat(), NOW + timedelta(hours=20)),
    taken("issued", TEN, TEN),
    taken("issued", TEN, TEN, type=pa.timestamp("ns")),
    taken("issued", 1767261600_123456789, TEN + timedelta(microseconds=123457), type=pa.timestamp("ns")),
    taken("issued", TEN, TEN, type=pa.timestamp("ms", "America/New_York")),
    taken("issued", dt.date(2026, 1, 31), DAY),
    taken("issued", None, None, doors=ROWS),
    refused("issued", None, NOT_A_TIME, doors=FILES),
    *[refused("issued", text, NOT_A_TIME) for text in (
        "2026-02-30", "2026-04-31T10:00:00Z", "2023-02-29", "2026-13-01", "2026-00-10", "2026-01-00",
        "2026-01-01T24:00:00", "2026-01-01T23:59:60Z", "2026-01-01T10:60:00Z", "2026-01-01T10",
        "2026-1-5", "20260131", "2026-01-01T10:00:00+24:00", "2026-01-01 10:00 PM", "Jan 31, 2026",
        "nan", "", "NA", "2026-01-01T10:00:00Z junk", "0000-00-00",
    )],
    *[refused("issued", text, NOT_A_TIME, ORDER) for text in ("31/01/2026", "1.2.26", "01-31-2026")],
    *[refused("issued", text, NOT_A_TIME, UNIX) for text in ("1767225600", "1767225600.5", "1767225600000")],
    refused("issued", 1767225600, NOT_A_TIME, UNIX),
    refused("issued", 1767225600000, NOT_A_TIME, UNIX),
    refused("issued", 1767225600.0, NOT_A_TIME, UNIX, doors=TYPED),
    refused("issued", True, NOT_A_TIME),
    refused("issued", [2026], NOT_A_TIME),
    *[refused("issued", Json(number), NOT_A_TIME, doors=ROWS) for number in (
        "1e400", "9" * 400, "9" * 5000, "-1e300",
    )],
    *[refused("issued", text, FAR_YEAR) for text in (
        "9999-12-31", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "0001-01-01",
        "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00+14:00", "2262-01-01T00:00:00Z",
    )],
    *[refused("issued", text, IN_FUTURE) for text in (
        "2099-01-01", "2261-12-31T23:59:59Z", (NOW + timedelta(hours=26)).isoformat(),
    )],
    refused("issued", datetime(2099, 1, 1, tzinfo=UTC), IN_FUTURE),
]
# fmt: on
CASES = [*IDS, *TIMES]
