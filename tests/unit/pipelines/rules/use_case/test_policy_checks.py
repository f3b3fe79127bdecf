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
