"""Lines of predictions as the journal of the scoring server has them."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import numpy as np
import pyarrow as pa

from pipelines.batch_scoring import prediction_lines as module
from pipelines.batch_scoring.prediction_lines import prediction_lines
from pipelines.rules.batch_scoring.prediction_ids import prediction_ids
from pipelines.rules.batch_scoring.row_checks import check_unlabelled_rows
from serving.journal.journal import read
from tests.unit.pipelines.batch_scoring.made_rows import model, row
from tests.unit.serving.made import FRAUD

NOW = datetime(2026, 2, 1, 10, 0, 0, 5000, tzinfo=UTC)


def lines(rows: list[dict[str, object]]) -> list[bytes]:
    good = check_unlabelled_rows(pa.Table.from_pylist(rows), FRAUD, now=NOW).good
    features = model().scorer.features(good)
    features[0, 1] = np.nan
    made = prediction_lines(
        model(),
        good,
        features,
        np.linspace(0, 1, len(rows)),
        prediction_ids(UUID(int=1), NOW, np.arange(len(rows))),
        scored_at=NOW,
        replica="job-1",
    )
    return list(made)


def test_the_server_reads_a_line_as_one_of_its_own() -> None:
    (line,) = lines([row(0), row(1, transaction_id=None, customer_id=None, event_time=None)])
    first, second = read(line).predictions()
    assert (first.transaction_id, first.entity_key) == ("t0", "c-1")
    assert first.event_time == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert np.isnan(first.features[1])
    assert second.transaction_id == second.prediction_id.hex
    assert (second.entity_key, second.event_time) == (None, NOW)
    assert (first.score, first.predicted_label) == (0.0, 0)
    assert (second.score, second.predicted_label) == (1.0, 1)
    assert {first.replica, second.replica} == {"job-1"}
    assert first.contract_hash == first.model_contract_hash == FRAUD.hash
    assert (first.model_version, first.threshold) == (7, model().threshold)


def test_a_line_has_a_bounded_number_of_rows() -> None:
    sizes = [
        len(msgspec.json.decode(line)["rows"]) for line in lines([row(n) for n in range(2500)])
    ]
    assert sizes == [module.LINE_ROWS, module.LINE_ROWS, 500]
