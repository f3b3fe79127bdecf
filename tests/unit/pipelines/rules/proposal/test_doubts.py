"""What looks wrong with data."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from pipelines.rules.proposal.column_profile import profile
from pipelines.rules.proposal.doubts import doubts, is_sorted

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def said(labels: list[int], repeated: int = 0, **columns: list[str]) -> list[str]:
    profiles = {
        name: profile(name, pa.chunked_array([pa.array(values)]), now=NOW)
        for name, values in columns.items()
    }
    names = {name: name.lower() for name in columns}
    return list(
        doubts(profiles, names, np.array(labels, np.int8), rows=len(labels), repeated_rows=repeated)
    )


def test_good_data_raise_no_doubt() -> None:
    random = np.random.default_rng(0)
    amounts = [str(number) for number in random.normal(size=600).round(2)]
    assert said([1, 0, 0] * 200, amount=amounts) == []


def test_each_doubt_names_what_it_is_about() -> None:
    codes = [str(2**25 + n % 7) for n in range(60)]
    ordered = [str(n) for n in range(60)]
    lines = said(
        [0] * 40 + [1] * 20, 3, code=codes, rank=ordered, EMail=ordered[::-1], Gender=codes
    )
    text = "\n".join(lines)
    for part in (
        "only 20 positives in 60 rows",
        "3 rows are equal",
        "in order of the label",
        "rank: the rows are in order of it",
        "code: numbers beyond 16,777,216 lose digits",
        "email: it may be an e-mail address",
        "gender: laws on equal treatment",
    ):
        assert part in text, part


def test_rare_values_among_equal_ones_are_not_in_order() -> None:
    values = np.zeros(5000)
    values[::500] = 1
    assert not is_sorted(values)
    assert is_sorted(np.sort(values))
    assert not is_sorted(np.ones(100))
