"""The proposed policy."""

from pipelines.rules.proposal.policy_proposal import QuickFit, propose_policy
from pipelines.rules.proposal.yaml_text import key_lines

FIT = QuickFit(
    rows=20_000, positives=1300, roc_auc=0.861, error=0.005, recall=0.5, flagged_share=0.1
)


def test_floors_are_below_what_the_quick_fit_reached() -> None:
    policy = propose_policy(FIT, rows=60_000, positives=4000, why_no_time_split="", holdout=0.3)
    assert policy.document == {
        "gates": {"roc_auc": 0.84, "recall": 0.3, "flagged_share": 0.15},
        "performance": {"roc_auc": 0.84, "recall": 0.3},
    }
    assert key_lines(policy.document, policy.comments).startswith(
        "gates:\n  roc_auc: 0.84  # a quick fit reached 0.861\n"
    )


def test_few_rows_lower_what_gates_need_and_say_so() -> None:
    policy = propose_policy(
        FIT, rows=300, positives=40, why_no_time_split="the rows have no time", holdout=0.3
    )
    assert policy.document["gates"]["positives"] == 6
    assert policy.document["gates"]["samples"] == 45
    assert policy.comments["gates.positives"] == "about 12 of 40 positives are held out"
    assert policy.document["evaluation"] == {"split": "id"}
    assert policy.comments["evaluation.split"] == "the rows have no time"
