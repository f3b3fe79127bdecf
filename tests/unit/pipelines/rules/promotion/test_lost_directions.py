"""A model that was trained without a direction of the contract in force is named."""

import msgspec
import pytest

from pipelines.rules.promotion.lost_directions import why_undirected
from pipelines.rules.use_case.contract import Contract, Derived, Feature, LabelColumn, Monotone

FREE = Contract(
    use_case="loans",
    title="Loans",
    entity_key="customer",
    event_time="event_time",
    transaction_id="loan",
    label=LabelColumn(name="bad"),
    features=(Feature(name="amount", type="float"), Feature(name="income", type="float")),
    derived=(Derived(name="half", expression="amount / 2"),),
    sources={},
)


def directed(amount: Monotone, half: Monotone = "none") -> Contract:
    """The contract with a direction of a raw feature, and of a derived one."""
    first, second = FREE.features
    (derived,) = FREE.derived
    return msgspec.structs.replace(
        FREE,
        features=(msgspec.structs.replace(first, monotone=amount), second),
        derived=(msgspec.structs.replace(derived, monotone=half),),
    )


@pytest.mark.parametrize(
    ("own", "contract", "lost"),
    [
        pytest.param(FREE, FREE, None, id="no direction"),
        pytest.param(directed("increasing"), directed("increasing"), None, id="the same"),
        pytest.param(directed("increasing"), FREE, None, id="no longer declared"),
        pytest.param(FREE, directed("increasing"), "amount", id="declared since"),
        pytest.param(directed("increasing"), directed("decreasing"), "amount", id="turned"),
        pytest.param(FREE, directed("increasing", "decreasing"), "amount, half", id="two"),
        pytest.param(
            msgspec.structs.replace(FREE, features=FREE.features[1:], derived=()),
            directed("increasing"),
            None,
            id="the model does not have the column",
        ),
    ],
)
def test_a_lost_direction_is_named(own: Contract, contract: Contract, lost: str | None) -> None:
    reason = why_undirected(own, contract)
    if lost is None:
        assert reason is None
    else:
        assert reason == (f"it was trained without the contract's direction (`monotone`) of {lost}")
