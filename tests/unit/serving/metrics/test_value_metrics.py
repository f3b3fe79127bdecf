"""Values that were refused or taken as another one are counted by field of the contract."""

from __future__ import annotations

from collections import Counter

from pipelines.rules.use_case.spellings import ACCEPTED, CLIPPED, UNKNOWN
from serving.metrics.metrics import Metrics
from tests.unit.serving import made


def series(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """The values of `sixgate_values_total` by use case, field and treatment."""
    (family,) = metrics.values.collect()
    return {
        (
            sample.labels["use_case"],
            sample.labels["field"],
            sample.labels["treatment"],
        ): sample.value
        for sample in family.samples
    }


def test_counters_of_a_use_case_are_added_and_treatments_have_short_names() -> None:
    metrics = Metrics()
    row_counts = Counter({("x", CLIPPED): 1, ("x", ACCEPTED): 2, ("y", UNKNOWN["other"]): 3})
    metrics.values.watch("loans", row_counts)
    metrics.values.watch("loans", Counter({("x", CLIPPED): 4, ("labels.label", "refused"): 5}))
    metrics.values.watch("fraud", Counter({("y", UNKNOWN["missing"]): 6}))
    row_counts["x", CLIPPED] += 1
    assert series(metrics) == {
        ("loans", "x", "clipped"): 6.0,
        ("loans", "x", "accepted"): 2.0,
        ("loans", "y", "other"): 3.0,
        ("loans", "labels.label", "refused"): 5.0,
        ("fraud", "y", "missing"): 6.0,
    }


def test_the_server_counts_fields_of_the_contract_and_no_others(client, service) -> None:
    client.predict(made.row(amount="much"))
    client.predict(made.row(amount=-1))
    client.predict(made.row(invented=1))
    client.predict({"amount": 1})
    client.post("/v1/fraud/labels", json={"labels": [{"transaction_id": "t", "label": 7}]})
    client.post("/v1/fraud/labels", json={"labels": [{"transaction_id": "t"}]})
    counted = series(service.metrics)
    assert counted["fraud", "amount", "refused"] == 2.0
    assert counted["fraud", "labels.label", "refused"] == 2.0
    names = {*service.scorers[0].contract.raw, "labels.label"}
    assert {field for _, field, _ in counted} <= names
    text = client.get("/metrics", key=None).text
    expected = 'sixgate_values_total{field="amount",treatment="refused",use_case="fraud"} 2.0'
    assert expected in text
