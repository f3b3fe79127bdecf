"""A fault of a policy names the key, the value, and what is valid in its place."""

from typing import Any

import pytest

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.rules.use_case.policy_keys import keys_of, valid_values


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(
            {"gates": {"recal": 0.4}},
            "gates.recal: 0.4 is not a setting: did you mean gates.recall?",
            id="a misspelt key names the nearest one",
        ),
        pytest.param(
            {"drif": {}},
            "drif: {} is not a setting: did you mean drift?",
            id="a misspelt section names the nearest one",
        ),
        pytest.param(
            {"recall": 0.4},
            "recall: 0.4 is not a setting: did you mean gates.recall or performance.recall?",
            id="a key outside its section names the sections that have it",
        ),
        pytest.param(
            {"drift": {"severe": {"buckets": 4}}},
            "drift.severe.buckets: 4 is not a setting: known are drift.severe.k, drift.severe.n",
            id="a key that is like no other lists those of its section",
        ),
        pytest.param(
            {"gates": {"recall": 1.5}},
            "gates.recall: 1.5 must be a number, from 0 to 1",
            id="a share above one",
        ),
        pytest.param(
            {"gates": {"flagged_share": "all"}},
            "gates.flagged_share: 'all' must be a number, from 0 to 1, or null",
            id="a text where a number or null is valid",
        ),
        pytest.param(
            {"gates": {"flagged_share": 45}},
            "gates.flagged_share: 45 must be a number, from 0 to 1, or null",
            id="a percentage where a share is meant",
        ),
        pytest.param(
            {"gates": {"level": 0}},
            "gates.level: 0 must be a number, above 0 and below 1",
            id="a bound that is not included",
        ),
        pytest.param(
            {"report": {"rows": 0}},
            "report.rows: 0 must be a whole number, from 1 to 100,000",
            id="no rows",
        ),
        pytest.param(
            {"guard": {"flagged": True}},
            "guard.flagged: True must be a number, above 1",
            id="a truth value in place of a number",
        ),
        pytest.param(
            {"review": {"when": "sometimes"}},
            "review.when: 'sometimes' must be one of never, always, on_drift",
            id="a value that is no choice",
        ),
        pytest.param(
            {"retraining": {"cooldown": 7}},
            "retraining.cooldown: 7 must be a duration such as P7D or PT1H, at least 0",
            id="a number in place of a duration",
        ),
        pytest.param(
            {"drift": {"schedule": None}},
            "drift.schedule: None must be a cron expression, see crontab(5)",
            id="a key without a value",
        ),
        pytest.param(
            {"training": {"estimators": []}},
            "training.estimators: [] must be a list of at least one name",
            id="an empty list",
        ),
        pytest.param(
            {"gates": None},
            "gates: None must be a mapping of keys to values",
            id="a section without keys",
        ),
        pytest.param([], "the file: [] must be a mapping of keys to values", id="a list"),
        pytest.param(
            {"drift": {"ignore": [1]}},
            "drift.ignore.0: 1 must be text, and is a whole number",
            id="an element of a list",
        ),
    ],
)
def test_a_fault_names_key_value_and_what_is_valid(document: Any, message: str) -> None:
    with pytest.raises(UseCaseError) as refused:
        parse_policy(document, use_case="loans", file="loans/policy.yaml")
    assert str(refused.value) == f"loans/policy.yaml: {message}"


def test_every_key_says_which_values_it_takes() -> None:
    keys = list(keys_of(Policy()))
    assert len({key.name for key in keys}) == len(keys) > 70
    for key in keys:
        assert valid_values(key.annotation), key.name
