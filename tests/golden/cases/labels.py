"""Labels: what the contract lists, and nothing else."""

from datetime import UTC, datetime
from decimal import Decimal

from pipelines.rules.use_case.label_values import NEITHER, NO_LABEL
from pipelines.rules.use_case.likely_causes import UNIX_TIME
from pipelines.rules.use_case.spellings import FAR_YEAR, IN_FUTURE, NOT_A_TIME
from tests.golden.table import FILES, LABELS, UNLABELLED, Case, Json, refused, taken

WORDS = "words"
SIGNS = "signs"
ZERO = "zero"
TEXTS = "texts"

# fmt: off
CASES: list[Case] = [
    *[taken("bad", value, 1.0) for value in ("1", "1.0", " 1 ", "true", "T", "yes", "Y", 1, 1.0, True)],
    *[taken("bad", value, 0.0) for value in ("0", "0.0", "-0", "false", "f", "no", 0, 0.0, False)],
    taken("bad", Decimal("1.0"), 1.0),
    taken("bad", b"1", 1.0),
    *[refused("bad", value, NEITHER) for value in (
        "2", "-1", 2, -1, 0.5, "nan", "NA", "?", "maybe", "Charged Off", "1e400", [1],
    )],
    *[refused("bad", Json(number), NEITHER, doors=LABELS) for number in ("9" * 400, "1e400", "9" * 5000)],
    refused("bad", "", NO_LABEL),
    refused("bad", "  ", NO_LABEL),
    refused("bad", None, NO_LABEL),
    refused("bad", float("nan"), NO_LABEL),
    *[taken("bad", value, 1.0, contract=WORDS) for value in (
        "Charged Off", "charged off", " CHARGED OFF ", "Default",
    )],
    taken("bad", "Fully Paid", 0.0, contract=WORDS),
    *[taken("bad", value, UNLABELLED, contract=WORDS, doors=FILES) for value in (
        "Current", "current ", "?", "In Grace Period",
    )],
    *[refused("bad", value, NEITHER, contract=WORDS, doors=LABELS) for value in ("Current", "?")],
    *[refused("bad", value, NEITHER, contract=WORDS) for value in (
        "Late", "unknown", "nan", "Charged-Off", "2", "true",
    )],
    refused("bad", "", NO_LABEL, contract=WORDS),
    refused("bad", None, NO_LABEL, contract=WORDS),
    # Requests always know the classes as 1 and 0.
    *[refused("bad", value, NEITHER, contract=WORDS, doors=FILES) for value in ("1", 0)],
    taken("bad", 1, 1.0, contract=WORDS, doors=LABELS),
    taken("bad", "0", 0.0, contract=WORDS, doors=LABELS),
    *[taken("bad", value, 1.0, contract=SIGNS) for value in ("1", "1.0", 1, 1.0)],
    *[taken("bad", value, 0.0, contract=SIGNS) for value in ("-1", "-1.0", -1, -1.0)],
    *[refused("bad", value, NEITHER, contract=SIGNS) for value in ("0", 0, "true", "2")],
    *[taken("bad", value, 1.0, contract=ZERO) for value in ("0", 0, "false", "no")],
    *[taken("bad", value, 0.0, contract=ZERO) for value in ("1", 1, "true")],
    *[taken("bad", value, 1.0, contract=TEXTS) for value in ("2", 2, "2.0")],
    *[taken("bad", value, 0.0, contract=TEXTS) for value in ("1", 3, "3.0")],
    refused("bad", "4", NEITHER, contract=TEXTS),
    taken("labelled_at", "2026-01-01 10:00:00+00", datetime(2026, 1, 1, 10, tzinfo=UTC), doors=LABELS),
    taken("labelled_at", "2026-01-31", datetime(2026, 1, 31, tzinfo=UTC), doors=LABELS),
    refused("labelled_at", "2026-02-30", NOT_A_TIME, doors=LABELS),
    refused("labelled_at", "2099-01-01", IN_FUTURE, doors=LABELS),
    refused("labelled_at", "9999-12-31", FAR_YEAR, doors=LABELS),
    refused("labelled_at", 1767225600, NOT_A_TIME, UNIX_TIME.in_request, doors=LABELS),
    refused("labelled_at", True, NOT_A_TIME, doors=LABELS),
]
# fmt: on
