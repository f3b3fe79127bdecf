"""A retraining run starts when labels, cooldown and budget allow it, or says why not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipelines.rules.training.retraining_conditions import (
    Conditions,
    cooldown_end,
    why_blocked,
    why_not,
)
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

POLICY = read_policy(ROOT / "reference" / "fraud")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, None, id="enough labels and no cooldown"),
        pytest.param(
            {"last_trained": NOW - timedelta(days=6)}, "cooldown", id="six days after the last"
        ),
        pytest.param(
            {"last_trained": NOW - timedelta(days=7)}, None, id="seven days after the last"
        ),
        pytest.param(
            {"last_trained": NOW - timedelta(days=6), "forced": True, "reason": "an attack"},
            None,
            id="force skips the cooldown",
        ),
        pytest.param({"forced": True}, "needs a reason", id="force without a reason"),
        pytest.param(
            {"forced": True, "has_champion": False},
            "needs a reason",
            id="not even for a first model",
        ),
        pytest.param({"trained_this_week": 2}, None, id="within the week's budget"),
        pytest.param({"trained_this_week": 3}, "budget: 3 runs", id="the week's budget is spent"),
        pytest.param(
            {"trained_this_week": 3, "forced": True, "reason": "an attack"},
            "budget",
            id="force does not skip the budget",
        ),
        pytest.param({"waiting": 7}, None, id="a waiting candidate is superseded"),
        pytest.param({"matured_labels": 199}, "1 more are needed", id="one label too few"),
        pytest.param(
            {"matured_labels": 199, "forced": True, "reason": "an attack"},
            "1 more are needed",
            id="force does not skip labels",
        ),
        pytest.param(
            {"matured_labels": 0, "snapshot": "abc"}, None, id="a snapshot needs no logged labels"
        ),
        pytest.param(
            {
                "matured_labels": 0,
                "has_champion": False,
                "last_trained": NOW,
                "trained_this_week": 9,
                "snapshot": "abc",
            },
            None,
            id="a first model may start whenever a snapshot is named",
        ),
        pytest.param(
            {"has_champion": False},
            "ingest labelled rows and name them in the param `snapshot`, or set `reference`",
            id="a first model on reference rows that nobody asked for",
        ),
        pytest.param(
            {"has_champion": False, "has_history": True},
            None,
            id="a first model on imported history",
        ),
        pytest.param(
            {"has_history": True, "matured_labels": 199},
            "1 more are needed",
            id="imported history beside a model in Production needs logged labels",
        ),
        pytest.param(
            {"has_champion": False, "reference": True},
            None,
            id="a first model on reference rows that a person asked for",
        ),
        pytest.param(
            {"reference": True, "matured_labels": 0},
            None,
            id="reference rows need no logged labels",
        ),
        pytest.param(
            {"reference": True, "champion_is_real": True},
            "reference rows never replace it",
            id="reference rows over a model that was trained on real ones",
        ),
        pytest.param(
            {"reference": True, "snapshot": "abc"},
            "give one of the two params",
            id="reference rows and a snapshot",
        ),
    ],
)
def test_retraining_conditions(changes: dict[str, Any], words: str | None) -> None:
    given: dict[str, Any] = {
        "as_of": NOW, "has_champion": True, "last_trained": None, "trained_this_week": 0, "waiting": None,
        "matured_labels": 200, "forced": False, "reason": None, "snapshot": None,
    }  # fmt: skip
    reason = why_not(Conditions(**{**given, **changes}), POLICY)
    assert (reason is None) if words is None else (reason is not None and words in reason)


def test_a_policy_may_wait_for_the_review_of_a_candidate() -> None:
    waits = msgspec.structs.replace(
        POLICY, retraining=msgspec.structs.replace(POLICY.retraining, waiting="wait")
    )
    conditions = Conditions(
        as_of=NOW, has_champion=True, last_trained=None, trained_this_week=0, waiting=7, matured_labels=200, forced=False,
        reason=None, snapshot=None,
    )  # fmt: skip
    reason = why_not(conditions, waits)
    assert (
        reason
        == "waiting: the candidate of decision 7 is approved and waits for its review: answer it first"
    )


def conditions(**changes: Any) -> Conditions:
    """Conditions under which a run may start, but for `changes`."""
    usual: dict[str, Any] = {
        "as_of": NOW, "has_champion": True, "last_trained": None, "trained_this_week": 0, "waiting": None,
        "matured_labels": 200, "forced": False, "reason": None, "snapshot": None,
    }  # fmt: skip
    return Conditions(**{**usual, **changes})


def test_what_blocks_a_run_leaves_labels_out() -> None:
    assert why_blocked(conditions(matured_labels=0), POLICY) is None
    spent = why_blocked(conditions(trained_this_week=3, matured_labels=0), POLICY)
    assert spent is not None and spent.startswith("budget: 3 runs")


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        pytest.param({}, None, id="no run has trained yet"),
        pytest.param(
            {"last_trained": NOW - timedelta(days=6)},
            NOW + timedelta(days=1),
            id="a day before the end",
        ),
        pytest.param({"last_trained": NOW - timedelta(days=7)}, None, id="at the end"),
        pytest.param(
            {"last_trained": NOW, "has_champion": False}, None, id="a first model has no cooldown"
        ),
    ],
)
def test_when_the_cooldown_ends(changes: dict[str, Any], end: datetime | None) -> None:
    assert cooldown_end(conditions(**changes), POLICY) == end
    assert (why_blocked(conditions(**changes), POLICY) is None) == (end is None)
