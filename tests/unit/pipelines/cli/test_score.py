"""`sixgate score`: what it prints; runs are in tests/integration/test_batch_scoring.py."""

from pathlib import Path

import pytest

from pipelines.batch_scoring.result import ScoredFile
from pipelines.cli import score as module
from pipelines.errors import ParameterError
from pipelines.rules.ingestion.refusals import Refusal, Sample


@pytest.mark.parametrize("text", ["Production", "production"])
def test_production_is_the_version_that_serves(text: str) -> None:
    assert module._version(text) is None


def test_a_version_is_a_positive_number() -> None:
    assert module._version("12") == 12
    for text in ("0", "-1", "1.0", "newest", str(2**31)):
        with pytest.raises(ParameterError, match="give its number, or Production"):
            module._version(text)


def test_the_result_names_the_file_the_version_and_the_refused_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusal = Refusal("amount", "not a number", "correct the values", 1, [Sample(9, "much")])
    result = ScoredFile(
        out=Path("a.scored.csv"),
        rows=1200,
        flagged=7,
        refused=1,
        model_version=3,
        threshold=0.25,
        quarantine=Path("q.parquet"),
        treated={"amount: clipped": 2},
        refusals=(refusal,),
        unit="line",
    )
    module._print(result)
    assert capsys.readouterr().out.splitlines() == [
        "a.scored.csv: 1,200 rows scored, 7 flagged at 0.25",
        "model version 3",
        "          2  amount: clipped",
        "1 rows are in quarantine, with reasons: q.parquet",
        "  1 row: amount: not a number: correct the values",
        "      line 9: 'much'",
    ]
