"""A policy written as YAML reads back as the same policy, whole or with its changes only."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.reporting.policy_yaml import duration_text, policy_yaml, value_text
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.rules.use_case.policy_sections.gates import Evaluation, Gates
from pipelines.rules.use_case.policy_sections.monitoring import Alerts, Drift
from pipelines.rules.use_case.policy_sections.promotion import FinalValidation

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies with texts and numbers that YAML could misread."""
    return Policy(
        use_case="loans",
        label_maturity=draw(st.timedeltas(timedelta(0), timedelta(days=999))),
        gates=Gates(recall=draw(st.floats(0, 1)), samples=draw(st.integers(1, 10**9))),
        evaluation=Evaluation(slices=draw(st.dictionaries(TEXTS, TEXTS, max_size=3))),
        drift=Drift(ignore=tuple(draw(st.lists(TEXTS, max_size=3)))),
        alerts=Alerts(notify=tuple(draw(st.lists(TEXTS, max_size=3)))),
        final_validation=FinalValidation(parity=draw(st.floats(1e-300, 1e300))),
    )


@given(policies(), st.booleans())
def test_the_text_reads_back_as_the_same_policy(policy: Policy, only_changed: bool) -> None:
    document = yaml.safe_load(policy_yaml(policy, only_changed=only_changed))
    assert parse_policy(document, use_case="loans", file="policy.yaml") == policy


def test_every_key_is_shown_and_those_that_differ_show_their_default() -> None:
    policy = msgspec.structs.replace(Policy(), gates=Gates(recall=0.55))
    lines = policy_yaml(policy).splitlines()
    assert "  recall: 0.55  # default: 0.4" in lines
    assert "  roc_auc: 0.72  # default" in lines
    assert "    n: 4  # default" in lines


def test_only_changes_are_shown_below_their_sections() -> None:
    policy = Policy(label_maturity=timedelta(days=30), gates=Gates(recall=0.55))
    assert policy_yaml(policy, only_changed=True).splitlines() == [
        "label_maturity: P30D  # default: P7D",
        "gates:",
        "  recall: 0.55  # default: 0.4",
    ]
    assert policy_yaml(Policy(), only_changed=True) == "{}"


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        pytest.param({"days": 7}, "P7D", id="days"),
        pytest.param({"hours": 24}, "P1D", id="hours that are a day"),
        pytest.param({"minutes": 10}, "PT10M", id="minutes"),
        pytest.param({"days": 1, "hours": 12}, "P1DT12H", id="days and hours"),
        pytest.param({"milliseconds": 10}, "PT0.01S", id="a part of a second"),
        pytest.param({"seconds": 3605}, "PT1H5S", id="hours and seconds"),
        pytest.param({}, "PT0S", id="nothing"),
    ],
)
def test_a_duration_is_written_as_people_write_it(duration: dict[str, int], text: str) -> None:
    assert duration_text(timedelta(**duration)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.00001, "0.00001", id="a small number without an exponent"),
        pytest.param(("a", "b"), "[a, b]", id="a list in one line"),
        pytest.param("*/5 * * * *", "'*/5 * * * *'", id="a text that YAML would read as an alias"),
    ],
)
def test_a_value_is_written_in_one_line(value: Any, text: str) -> None:
    assert value_text(value) == text
