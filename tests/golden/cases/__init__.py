"""The cases of the golden table."""

from tests.golden.cases import categories, ids_and_times, labels, numbers
from tests.golden.table import Case

GROUPS: dict[str, list[Case]] = {
    "numbers": numbers.CASES,
    "categories": categories.CASES,
    "ids and times": ids_and_times.CASES,
    "labels": labels.CASES,
}
ALL_CASES = [case for cases in GROUPS.values() for case in cases]
