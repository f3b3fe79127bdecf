"""Simulated transactions are requests of the contract's columns."""

from datetime import UTC, datetime

import msgspec

from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from stack.demo.profiles.fraud import PaymentWorld
from stack.demo.simulator import simulate
from stack.demo.traffic import rows

CONTRACT = read_contract(ROOT / "reference" / "fraud")
WORLD = PaymentWorld(
    seed=1, start=datetime(2026, 1, 5, tzinfo=UTC), days=1, customers=100, terminals=50
)


def test_a_feature_that_the_simulator_lacks_is_not_sent() -> None:
    added = msgspec.structs.replace(CONTRACT.features[0], name="brand_new")
    changed = msgspec.structs.replace(CONTRACT, features=(added, *CONTRACT.features[1:]))
    sent = rows(simulate(WORLD), changed, tag="-x")[0]
    assert set(CONTRACT.raw[1:]) < set(sent)
    assert "brand_new" not in sent
    assert CONTRACT.raw[0] not in sent
