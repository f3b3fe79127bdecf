"""Rows of a use case are kept as long as its own policy says."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.rules.use_case.retention import Expiry, expired_for_all, expiries

TODAY = date(2026, 11, 26)
SHORT = Retention(
    predictions=timedelta(days=30), metrics=timedelta(days=60), history=timedelta(days=90)
)
DEFAULT = Retention(predictions=timedelta(days=400), metrics=timedelta(days=400))

durations = st.timedeltas(timedelta(hours=1), timedelta(days=4000))
retentions = st.builds(Retention, predictions=durations, metrics=durations)
names = st.sampled_from(["credit_risk", "fraud", "loan_default", "removed"])


def test_each_use_case_expires_by_its_own_policy_and_others_by_the_default() -> None:
    found = expiries(["fraud", "removed"], {"fraud": SHORT}, default=DEFAULT, today=TODAY)
    assert found == {
        "fraud": Expiry(
            predictions=date(2026, 10, 27), metrics=date(2026, 9, 27), history=date(2026, 8, 28)
        ),
        "removed": Expiry(
            predictions=date(2025, 10, 22), metrics=date(2025, 10, 22), history=date(2025, 10, 22)
        ),
    }


def test_a_day_expires_for_all_when_the_use_case_that_keeps_it_longest_lets_it_go() -> None:
    by_use_case = expiries(["fraud", "removed"], {"fraud": SHORT}, default=DEFAULT, today=TODAY)
    assert expired_for_all(by_use_case.values()) == date(2025, 10, 22)
    assert expired_for_all([]) is None


@given(use_cases=st.sets(names), policies=st.dictionaries(names, retentions))
def test_another_use_case_never_changes_what_one_keeps(
    use_cases: set[str], policies: dict[str, Retention]
) -> None:
    together = expiries(use_cases, policies, default=DEFAULT, today=TODAY)
    for name, expiry in together.items():
        own = {name: policies[name]} if name in policies else {}
        assert expiries([name], own, default=DEFAULT, today=TODAY) == {name: expiry}
        assert expiry.predictions < TODAY
        assert expiry.metrics < TODAY
    first_kept = expired_for_all(together.values())
    assert first_kept is None or all(e.predictions >= first_kept for e in together.values())
