"""Derivation, retraining conditions, promotion, the ledger, the split, the pandera schema."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import Decision, LedgerEntry
from pipelines.rules.derive import Deriver
from pipelines.rules.guard import on_probation
from pipelines.rules.ledger import Served, champion, may_serve
from pipelines.rules.promotion import last_good, promotion_id, why_not_back, why_refused
from pipelines.rules.retraining import Conditions, why_not
from pipelines.rules.schema import failures, summary
from pipelines.rules.split import holdout_cut
from pipelines.settings import ROOT
from pipelines.use_case import read_contract, read_policy

FOLDER = ROOT / "reference" / "fraud"
CONTRACT, POLICY = read_contract(FOLDER), read_policy(FOLDER)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
finite = st.floats(0, 1e6) | st.just(float("nan"))


@given(st.lists(st.lists(finite, min_size=15, max_size=15), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_one_row_derives_as_a_million_do(rows: list[list[float]]) -> None:
    derive, matrix = Deriver(CONTRACT), np.array(rows)
    together = derive(matrix)
    alone = np.vstack([derive(row.reshape(1, -1)) for row in matrix])
    assert together.shape == (len(rows), len(CONTRACT.columns))
    assert np.array_equal(together, alone, equal_nan=True)
    assert not np.isinf(together[:, 15:]).any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, None, id="enough labels and no cooldown"),
        pytest.param({"last_trained": NOW - timedelta(days=6)}, "cooldown", id="six days after the last"),
        pytest.param({"last_trained": NOW - timedelta(days=7)}, None, id="seven days after the last"),
        pytest.param(
            {"last_trained": NOW - timedelta(days=6), "forced": True, "reason": "an attack"},
            None,
            id="force skips the cooldown",
        ),
        pytest.param({"forced": True}, "needs a reason", id="force without a reason"),
        pytest.param({"forced": True, "has_champion": False}, "needs a reason", id="not even for a first model"),
        pytest.param({"trained_this_week": 2}, None, id="within the week's budget"),
        pytest.param({"trained_this_week": 3}, "budget: 3 runs", id="the week's budget is spent"),
        pytest.param(
            {"trained_this_week": 3, "forced": True, "reason": "an attack"}, "budget", id="force does not skip the budget"
        ),
        pytest.param({"waiting": 7}, None, id="a waiting candidate is superseded"),
        pytest.param({"matured_labels": 199}, "1 more are needed", id="one label too few"),
        pytest.param(
            {"matured_labels": 199, "forced": True, "reason": "an attack"}, "1 more are needed", id="force does not skip labels"
        ),
        pytest.param({"matured_labels": 0, "snapshot": "abc"}, None, id="a snapshot needs no logged labels"),
        pytest.param(
            {"matured_labels": 0, "has_champion": False, "last_trained": NOW, "trained_this_week": 9},
            None,
            id="a first model may always start",
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
    waits = msgspec.structs.replace(POLICY, retraining=msgspec.structs.replace(POLICY.retraining, waiting="wait"))
    conditions = Conditions(
        as_of=NOW, has_champion=True, last_trained=None, trained_this_week=0, waiting=7, matured_labels=200, forced=False,
        reason=None, snapshot=None,
    )  # fmt: skip
    reason = why_not(conditions, waits)
    assert reason == "waiting: the candidate of decision 7 is approved and waits for its review: answer it first"


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = dict.fromkeys(Decision.__dataclass_fields__)
    return Decision(
        **{
            **fields,
            "id": 7,
            "use_case": "fraud",
            "verdict": "APPROVED",
            "champion_version": 1,
            "evidence_hash": "h",
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "now", "newest", "evidence", "words"),
    [
        pytest.param({}, 1, 7, "h", None, id="nothing changed"),
        pytest.param({"verdict": "REJECTED"}, 1, 7, "h", "not APPROVED", id="rejected"),
        pytest.param({"verdict": None}, 1, 7, "h", "not there yet", id="undecided"),
        pytest.param({"verdict": "SUPERSEDED"}, 1, 8, "h", "superseded: decision 8", id="superseded"),
        pytest.param({}, 1, 8, "h", "superseded: decision 8", id="a newer one was approved"),
        pytest.param({}, 2, 7, "h", "the champion is version 2", id="another champion"),
        pytest.param({}, None, 7, "h", "the champion is version None", id="the champion is gone"),
        pytest.param({}, 1, 7, "other", "the evidence is not", id="other evidence"),
    ],
)
def test_compare_and_swap(changes: dict[str, Any], now: int | None, newest: int, evidence: str, words: str | None) -> None:
    served = Served(now, "d") if now else None
    refused = why_refused(decision(**changes), champion=served, newest_approved=newest, evidence_hash=evidence)
    assert (refused is None) if words is None else (refused is not None and words in refused)


def entry(state: str, *, before: int | None = 1, after: int = 2, action: str = "PROMOTE") -> LedgerEntry:
    return LedgerEntry(
        id=1, promotion_id=uuid.UUID(int=1), use_case="fraud", from_version=before, from_digest=before and f"d{before}",
        to_version=after, to_digest=f"d{after}", action=action, state=state, actor="a", reason="r", decision_id=7,
        evidence_hash="h", at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("newest", "served"),
    [
        pytest.param(None, None, id="nothing was ever promoted"),
        pytest.param(entry("INTENDED"), Served(2, "d2"), id="an intention may be served, so that it can be acknowledged"),
        pytest.param(entry("DONE"), Served(2, "d2"), id="done"),
        pytest.param(entry("ROLLED_BACK"), Served(1, "d1"), id="taken back"),
        pytest.param(entry("ROLLED_BACK", before=None), None, id="taken back to nothing"),
    ],
)
def test_what_may_be_served(newest: LedgerEntry | None, served: Served | None) -> None:
    assert may_serve(newest) == served


def test_the_champion_is_the_newest_settled_entry() -> None:
    assert champion([entry("INTENDED", before=2, after=3), entry("REFUSED", after=4), entry("DONE")]) == Served(2, "d2")
    assert champion([entry("INTENDED")]) is None


FIRST = entry("DONE", before=None, after=1)
SECOND, THIRD = entry("DONE", before=1, after=2), entry("DONE", before=2, after=3)
BACK = entry("DONE", before=3, after=2, action="ROLLBACK")


@pytest.mark.parametrize(
    ("history", "good"),
    [
        pytest.param([], None, id="nothing was ever Production"),
        pytest.param([FIRST], None, id="there is only one"),
        pytest.param([FIRST, SECOND], 1, id="the one before"),
        pytest.param([FIRST, SECOND, entry("INTENDED", before=2, after=3)], 1, id="an intention changes nothing"),
        pytest.param([FIRST, SECOND, entry("REFUSED", before=2, after=3)], 1, id="nor does a refusal"),
        pytest.param([FIRST, SECOND, entry("ROLLED_BACK", before=2, after=3)], 1, id="what replicas refused was never good"),
        pytest.param([FIRST, SECOND, THIRD, BACK], 1, id="what a rollback left is bad: one further back"),
        pytest.param([FIRST, SECOND, entry("DONE", before=2, after=1, action="ROLLBACK")], None, id="nothing good is left"),
        pytest.param([FIRST, SECOND, THIRD, BACK, entry("DONE", before=2, after=3)], 2, id="promoted again is forgiven"),
    ],
)
def test_the_last_good_version(history: list[LedgerEntry], good: int | None) -> None:
    entries = history[::-1]
    assert last_good(entries) == good
    assert (why_not_back(entries, good) is None) == (good is not None)


@pytest.mark.parametrize(
    ("history", "version", "words"),
    [
        pytest.param([], 1, "nothing is Production yet", id="no champion"),
        pytest.param([FIRST], None, "no earlier version was good", id="nothing to go back to"),
        pytest.param([FIRST, SECOND], 2, "is Production already", id="the champion itself"),
        pytest.param([FIRST, SECOND], 7, "was never Production", id="a version that never served"),
        pytest.param([FIRST, SECOND, THIRD, BACK], 3, "was taken away before", id="what a rollback left"),
        pytest.param([FIRST, SECOND, THIRD, BACK], 1, None, id="any good one"),
    ],
)
def test_why_production_may_not_go_back(history: list[LedgerEntry], version: int | None, words: str | None) -> None:
    refused = why_not_back(history[::-1], version)
    assert (refused is None) if words is None else (refused is not None and words in refused)


@pytest.mark.parametrize(
    ("history", "version"),
    [
        pytest.param([], None, id="nothing was promoted"),
        pytest.param([FIRST, SECOND], 2, id="the newest promotion"),
        pytest.param([FIRST, entry("INTENDED")], 1, id="an intention changes nothing"),
        pytest.param([FIRST, SECOND, entry("ROLLED_BACK", before=2, after=3)], 2, id="nor does an attempt that was taken back"),
        pytest.param([FIRST, SECOND, THIRD, BACK], None, id="after a rollback nobody is"),
    ],
)
def test_who_is_on_probation(history: list[LedgerEntry], version: int | None) -> None:
    found = on_probation(history[::-1])
    assert (found and found.to_version) == version


def test_a_promotion_is_named_by_its_decision() -> None:
    assert promotion_id("fraud", 7) == promotion_id("fraud", 7)
    assert promotion_id("fraud", 7) != promotion_id("loan", 7)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.floats(0.05, 0.95))
def test_the_cut_keeps_time_in_order_and_holds_something_out(moments: list[int], share: float) -> None:
    times = np.array(moments, dtype="datetime64[us]")
    cut = holdout_cut(times, share)
    assert (times >= cut).any()
    assert times[times < cut].size == 0 or times[times < cut].max() < times[times >= cut].min()


def test_pandera_reports_every_failure_with_its_count() -> None:
    frame = pd.DataFrame({name: [0.0, 0.0, 0.0] for name in CONTRACT.raw}).assign(label=np.array([0, 1, 0], np.int8))
    assert failures(frame, CONTRACT).empty
    frame.loc[0, "amount"] = -1
    frame.loc[1, "during_night"] = 0.5
    frame.loc[2, "amount"] = np.nan
    found = {(row["column"], row["rows"]) for row in summary(failures(frame, CONTRACT))}
    assert found == {("amount", 1), ("during_night", 1)}
    assert set(failures(frame, CONTRACT)["index"]) == {0, 1, 2}
