"""A registered version scores as the scoring server does."""

import numpy as np

from pipelines.context import Context
from pipelines.records import Prediction
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.stores.estimators import read_explainer
from pipelines.stores.registered_model import RegisteredModel
from pipelines.stores.registry_client import RegistryClient


def test_a_row_beyond_what_float32_holds_is_tried_as_it_was_answered(
    trained: Context, traffic: list[Prediction]
) -> None:
    contract, model = trained.use_case.contract, trained.models.get("fraud", 1)
    raw = np.full((1, len(contract.raw)), 1.0)
    raw[0, contract.raw.index("amount")], raw[0, contract.raw.index("customer_mean_amount_30d")] = (
        1e5,
        1e-300,
    )
    features = Deriver(contract)(raw)
    assert features.max() > 1e300
    with RegistryClient.of(trained.settings) as production:
        content = production.fetch("fraud", 1, ["explain.ubj"])["explain.ubj"]
    replayed = RegisteredModel(trained.settings, model, contract)
    explainer = read_explainer(model.kind, content, replayed.bundle.calibration, None)
    expected = explainer.scores(features)
    np.testing.assert_allclose(replayed.scores(features), expected, atol=1e-5)
