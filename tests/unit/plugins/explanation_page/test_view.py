"""The values of the explanation page: the largest contribution first, and bars in proportion."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from explanation_page.view import WIDTH, overview, prediction_view

from pipelines.records import Explanation, Prediction
from pipelines.rules.explanation.attribution import Attribution
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")
ID = UUID(int=1)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def prediction() -> Prediction:
    return Prediction(
        prediction_id=ID,
        scored_at=NOW,
        use_case="fraud",
        transaction_id="t",
        entity_key=None,
        event_time=NOW,
        model_version=1,
        contract_hash=CONTRACT.hash,
        features=[0.0] * len(CONTRACT.columns),
        score=0.5,
        predicted_label=1,
        threshold=0.5,
        replica="one",
    )


def explanation(status: str, contributions: list[float] | None = None) -> Explanation:
    return Explanation(
        prediction_id=ID,
        model_version=1,
        status=status,
        contributions=contributions,
        base_value=-1.0 if contributions else None,
        attempts=1,
        error=None,
    )


def contributions(**values: float) -> list[float]:
    return [values.get(name, 0.0) for name in CONTRACT.columns]


def sums(**means: float) -> Attribution:
    """The sums of 10 explained predictions, all with these contributions."""
    rows = np.tile([means.get(name, 0.0) for name in CONTRACT.columns], (10, 1))
    return Attribution.of(rows, np.ones(10))


def page(attributions, training=None, pictures=()):
    attributions = {version: (CONTRACT.columns, each) for version, each in attributions.items()}
    references = dict.fromkeys(attributions) | (training or {})
    return overview(counts={}, attributions=attributions, training=references, pictures=pictures)


def test_bars_are_in_proportion_to_the_largest_contribution() -> None:
    parts = contributions(amount=-2.0, during_night=1.0)
    view = prediction_view(CONTRACT, prediction().features, explanation("COMPLETED", parts))
    first, second, third, *_ = view["bars"]
    assert (first["reason"].feature, first["width"]) == ("amount", WIDTH)
    assert (second["reason"].feature, second["width"]) == ("during_night", WIDTH / 2)
    assert third["width"] == 0
    assert view["total"] == -1.0 - 2.0 + 1.0
    assert len(view["bars"]) == len(CONTRACT.columns)


def test_contributions_of_0_have_bars_without_a_width() -> None:
    view = prediction_view(
        CONTRACT, prediction().features, explanation("COMPLETED", contributions())
    )
    assert {bar["width"] for bar in view["bars"]} == {0}


@pytest.mark.parametrize(
    "unknown",
    [None, explanation("PENDING"), explanation("FAILED")],
    ids=["none", "pending", "failed"],
)
def test_without_a_completed_explanation_there_are_no_bars(unknown) -> None:
    view = prediction_view(CONTRACT, prediction().features, unknown)
    assert (view["bars"], view["total"]) == ([], 0.0)


def test_versions_are_shown_newest_first_with_their_own_pictures() -> None:
    pictures = ["explanations-v2-b.png", "explanations-v2-a.png", "explanations-v21-a.png"]
    view = page({2: sums(amount=1.0), 10: sums(amount=1.0)}, pictures=pictures)
    newest, former = view["versions"]
    assert (newest["version"], newest["pictures"]) == (10, [])
    assert former["pictures"] == ["explanations-v2-a.png", "explanations-v2-b.png"]
    assert (former["n"], former["all"]) == (10, 10)


def test_features_are_ordered_by_their_mean_contribution_and_shares_add_up() -> None:
    (version,) = page({1: sums(during_night=3.0, amount=-1.0)})["versions"]
    first, second, *rest = version["features"]
    assert (first["feature"], first["mean"], first["share"]) == ("during_night", 3.0, 0.75)
    assert (second["feature"], second["share"]) == ("amount", 0.25)
    assert second["width"] == pytest.approx(WIDTH / 3, abs=0.1)
    assert {row["share"] for row in rest} == {0.0}
    assert first["former"] is None  # no training profile is stored


def test_a_feature_is_shown_beside_its_share_at_training() -> None:
    training = Reference(
        bins="b", features={}, importance={"amount": 1.0, "during_night": 3.0}, scores=[]
    )
    (version,) = page({1: sums(amount=3.0, during_night=1.0)}, {1: training})["versions"]
    first, second, *_ = version["features"]
    assert (first["feature"], first["share"], first["former"]) == ("amount", 0.75, 0.25)
    assert (second["feature"], second["former"]) == ("during_night", 0.75)
    assert first["p_value"] < 0.05


def test_a_version_whose_contributions_are_all_0_has_no_shares() -> None:
    (version,) = page({1: sums()})["versions"]
    assert {row["share"] for row in version["features"]} == {0.0}
