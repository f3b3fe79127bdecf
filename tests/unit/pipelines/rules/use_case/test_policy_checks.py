"""Values that fit their types and still can't work are refused with their key."""

from typing import Any

import pytest

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.rules.use_case.policy_keys import keys_of
from pipelines.rules.use_case.policy_sections.values import Duration, PositiveDuration, Schedule

KEYS = list(keys_of(Policy()))


def document(name: str, value: Any) -> dict[str, Any]:
    """A policy that states one key."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return dict(value)


def refusal(name: str, value: Any) -> str:
    """The message with which a value of a key is refused."""
    with pytest.raises(UseCaseError) as refused:
        parse_policy(document(name, value), use_case="loans", file="policy.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    "name", [key.name for key in KEYS if key.annotation in (Duration, PositiveDuration)]
)
def test_a_negative_duration_is_refused(name: str) -> None:
    assert f"policy.yaml: {name}: -1 day" in refusal(name, "-P1D")


@pytest.mark.parametrize("name", [key.name for key in KEYS if key.annotation == PositiveDuration])
def test_a_duration_of_zero_is_refused_where_it_has_no_meaning(name: str) -> None:
    assert refusal(name, "PT0S") == f"policy.yaml: {name}: 0:00:00 must be longer than zero"


@pytest.mark.parametrize("name", [key.name for key in KEYS if key.annotation == Duration])
def test_a_duration_of_zero_is_valid_where_it_has_one(name: str) -> None:
    parse_policy(document(name, "PT0S"), use_case="loans", file="policy.yaml")


@pytest.mark.parametrize("name", [key.name for key in KEYS if key.annotation == Schedule])
def test_a_schedule_is_a_cron_expression(name: str) -> None:
    assert "'75 * * * *' is not a cron expression" in refusal(name, "75 * * * *")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        pytest.param(
            "explanation.chunk", 100, "splits a full run into 2000 tasks", id="too many tasks"
        ),
        pytest.param("drift.step", "PT7H", "must be a multiple", id="buckets do not fill a window"),
        pytest.param("drift.severe.n", 2, "must not be more than n, 2", id="never severe"),
        pytest.param(
            "evaluation.window", "P500D", "must not be shorter", id="rows are deleted too early"
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(name: str, value: Any, rule: str) -> None:
    assert rule in refusal(name, value)


@pytest.mark.parametrize(
    ("threshold", "split", "message"),
    [
        pytest.param(
            {"metric": "alerts"},
            "time",
            "training.threshold.metric: alerts needs per_day or per_share: how many rows may be flagged",
            id="no capacity",
        ),
        pytest.param(
            {"metric": "alerts", "per_day": 100, "per_share": 0.1},
            "time",
            "training.threshold.per_share: 0.1 must not be set beside per_day: remove one of them",
            id="two capacities",
        ),
        pytest.param(
            {"per_day": 100},
            "time",
            "training.threshold.per_day: 100 has no effect with metric f1: set metric to alerts, or remove it",
            id="a number that nothing uses",
        ),
        pytest.param(
            {"metric": "cost", "per_share": 0.1},
            "time",
            "training.threshold.per_share: 0.1 has no effect with metric cost: set metric to alerts, or remove it",
            id="a share that nothing uses",
        ),
        pytest.param(
            {"metric": "alerts", "per_day": 100},
            "id",
            "training.threshold.per_day: 100 needs whole days of rows, which `evaluation.split: id` spreads over "
            "training and held-out rows: set training.threshold.per_share in its place",
            id="days that a split by id takes apart",
        ),
    ],
)
def test_a_capacity_that_can_not_be_kept_is_refused(
    threshold: dict[str, Any], split: str, message: str
) -> None:
    document = {"training": {"threshold": threshold}, "evaluation": {"split": split}}
    with pytest.raises(UseCaseError) as refused:
        parse_policy(document, use_case="loans", file="policy.yaml")
    assert str(refused.value) == f"policy.yaml: {message}"


@pytest.mark.parametrize("split", ["time", "id"])
def test_a_share_can_be_flagged_whatever_the_split(split: str) -> None:
    threshold = {"metric": "alerts", "per_share": 0.02}
    document = {"training": {"threshold": threshold}, "evaluation": {"split": split}}
    policy = parse_policy(document, use_case="loans", file="policy.yaml")
    assert policy.training.threshold.per_share == 0.02
