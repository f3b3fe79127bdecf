"""Categories: exactly the text that the contract lists."""

import datetime as dt

import pyarrow as pa

from pipelines.rules.use_case.likely_causes import MISSING_WORD
from pipelines.rules.use_case.spellings import ABSENT, UNKNOWN
from tests.golden.table import REQUESTS, Case, Json, refused, taken

WORD = MISSING_WORD.in_request
COUNTRY = "not one of DE, NA, US"
GRADE = "not one of 1, 2"

# fmt: off
CASES: list[Case] = [
    taken("country", "DE", 0.0),
    taken("country", "NA", 1.0),
    taken("country", b"DE", 0.0),
    taken("country", "US", 2.0, type=pa.dictionary(pa.int8(), pa.string())),
    taken("country", "", None),
    taken("country", "  ", None),
    taken("country", None, None),
    refused("country", "null", COUNTRY, WORD),
    refused("country", "nan", COUNTRY, WORD),
    refused("country", "?", COUNTRY, WORD),
    refused("country", "de", COUNTRY),
    refused("country", " DE", COUNTRY),
    refused("country", "FR", COUNTRY),
    refused("country", ["DE"], COUNTRY),
    refused("country", dt.date(2026, 1, 31), COUNTRY),
    taken("account", "NA", None),
    taken("account", " NA ", None),
    taken("account", "closed", 1.0),
    refused("account", "na", "not one of open, closed", WORD),
    *[taken("grade", value, 0.0) for value in ("1", "1.0", "1.00", 1, 1.0)],
    refused("grade", "01", GRADE),
    refused("grade", "3", GRADE),
    refused("grade", 3, GRADE),
    refused("grade", 1.5, GRADE),
    *[refused("grade", Json(number), GRADE, doors=REQUESTS) for number in ("9" * 400, "1e400", "-0.0")],
    refused("grade", "", ABSENT),
    refused("grade", None, ABSENT),
    refused("grade", float("nan"), ABSENT),
    taken("flag", True, 0.0, doors=("typed columns", "row", "batch")),
    taken("flag", "false", 1.0),
    refused("flag", "True", "not one of true, false"),
    taken("channel", "web", 0.0),
    taken("channel", "other", 2.0),
    taken("channel", "tv", 2.0, UNKNOWN["other"]),
    taken("channel", "Web", 2.0, UNKNOWN["other"]),
    taken("channel", 5, 2.0, UNKNOWN["other"]),
    refused("channel", "", ABSENT),
    refused("channel", [5], "not one of web, shop, other"),
    taken("region", "west", None, UNKNOWN["missing"]),
    taken("region", "", None),
    refused("region", {"a": 1}, "not one of north, south"),
    taken("city", "Zürich", 0.0),
    refused("city", "Zu\u0308rich", "not one of Zürich, Bern"),
    refused("city", "Z\u00c3\u00bcrich", "not one of Zürich, Bern"),
]
# fmt: on
