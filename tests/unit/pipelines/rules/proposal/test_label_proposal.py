"""Which values of a label are positive."""

from typing import Any

import pytest

from pipelines.errors import DataError
from pipelines.rules.proposal.label_proposal import positive_share, propose_label
from pipelines.rules.use_case.label_values import LabelValues


@pytest.mark.parametrize(
    ("values", "positive", "certain"),
    [
        (["0", "1"], 1, True),
        (["No", "Yes"], "Yes", True),
        (["f", "t"], "t", True),
        (["true", "false"], "true", True),
        (["Fully Paid", "Charged Off"], "Charged Off", False),
        (["Default", "No default"], "Default", False),
        (["<=50K", ">50K"], ">50K", False),
        (["-1", "1"], 1, False),
        (["1", "2"], 2, False),
    ],
)
def test_the_positive_class_of_two_values(values: list[str], positive: Any, certain: bool) -> None:
    counts = [(value, 10 - place) for place, value in enumerate(values)]
    proposal = propose_label("y", counts, 0)
    assert (proposal.label.positive, proposal.is_certain) == (positive, certain)
    assert proposal.why
    classes = LabelValues(proposal.label)
    assert sorted(classes(value) for value in values) == [0, 1]


def test_what_was_told_needs_no_guess_and_all_other_values_are_negative() -> None:
    counts = [("Current", 50), ("Fully Paid", 30), ("Late", 5), ("Charged Off", 4)]
    proposal = propose_label("status", counts, 3, ("charged off", "Late"))
    assert proposal.label.positive == ("Charged Off", "Late")
    assert proposal.label.negative == ("Current", "Fully Paid")
    assert proposal.label.unlabelled == ("",)
    assert proposal.is_certain and not proposal.why
    assert positive_share(proposal.label, counts) == pytest.approx(9 / 89)


@pytest.mark.parametrize(
    ("values", "told", "message"),
    [
        ([], (), "blank in every row"),
        (["1"], (), "one value, '1'"),
        ([str(n) for n in range(53)], (), "53 values, such as '0', '1', '2'"),
        (["a", "b", "c"], (), "3 values: 'a', 'b', 'c': name the positive ones with --positive"),
        (["a", "b"], ("x",), "--positive 'x': y does not have it; it has 'a', 'b'"),
        (["a", "b"], ("a", "b"), "names every value"),
    ],
)
def test_a_column_that_is_no_label_is_refused(
    values: list[str], told: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        propose_label("y", [(value, 1) for value in values], 0, told)
