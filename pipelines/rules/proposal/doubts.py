"""What looks wrong with the data of a new use case."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.proposal.column_profile import ColumnProfile
from pipelines.rules.proposal.column_roles import words

FEW_POSITIVES = 100
SINGLE = 2**24  # whole numbers beyond it are rounded as float32
SORTED = 0.999  # of the steps between different neighbours go one way
PERSONAL = {
    "name": "a person's name",
    "surname": "a person's name",
    "firstname": "a person's name",
    "lastname": "a person's name",
    "email": "an e-mail address",
    "mail": "an e-mail address",
    "phone": "a phone number",
    "telephone": "a phone number",
    "mobile": "a phone number",
    "address": "an address",
    "street": "an address",
    "ssn": "a social security number",
    "iban": "a bank account",
    "passport": "a passport number",
    "dob": "a date of birth",
    "birthdate": "a date of birth",
    "ip": "an IP address",
}
PROTECTED = {
    "gender",
    "sex",
    "race",
    "ethnicity",
    "religion",
    "nationality",
    "marital",
    "age",
    "disability",
}


def doubts(
    profiles: Mapping[str, ColumnProfile],
    features: Mapping[str, str],
    labels: NDArray[np.int8],
    *,
    rows: int,
    repeated_rows: int,
) -> Iterator[str]:
    """Yield a sentence for each thing that a person should look at.

    `features` has the name of each column that is a feature, `labels` (n,) are in the order of the
    file.
    """
    positives = int((labels == 1).sum())
    if positives < FEW_POSITIVES:
        yield (
            f"there are only {positives:,} positives in {rows:,} rows: metrics are uncertain, and "
            "gates may not reach a verdict"
        )
    if repeated_rows:
        yield (
            f"{repeated_rows:,} rows are equal to an earlier one in every column: the same row may "
            "be learned from and judged"
        )
    if is_sorted(labels.astype(float)):
        yield "the rows are in order of the label: their order is not used"
    for column, name in features.items():
        yield from _of_column(profiles[column], name)
    yield from _by_name(features)


def is_sorted(values: NDArray[np.float64]) -> bool:
    """Whether values (n,) are in order, apart from a few; equal ones alone are not."""
    present = values[~np.isnan(values)]
    if len(present) < 20 or len(np.unique(present)) < 2:
        return False
    steps = np.diff(present)
    ups = int((steps > 0).sum())
    downs = int((steps < 0).sum())
    return max(ups, downs) >= SORTED * (ups + downs)


def _of_column(profile: ColumnProfile, name: str) -> Iterator[str]:
    numbers = profile.numbers
    if numbers is None or profile.kind not in ("int", "float"):
        return
    if is_sorted(numbers):
        yield (
            f"{name}: the rows are in order of it; if it grows with time, a model can't learn "
            "from it what comes next"
        )
    if profile.kind == "int" and np.nanmax(np.abs(numbers)) > SINGLE:
        yield (
            f"{name}: numbers beyond {SINGLE:,} lose digits, because models take float32; if it is "
            "an id or a code, use `type: category` or remove it"
        )


def _by_name(features: Mapping[str, str]) -> Iterator[str]:
    for column, name in features.items():
        for word in sorted(words(column) & PERSONAL.keys()):
            yield f"{name}: it may be {PERSONAL[word]}: remove it if a model must not use it"
            break
    protected = [name for column, name in features.items() if words(column) & PROTECTED]
    if protected:
        yield (
            f"{', '.join(protected)}: laws on equal treatment may forbid decisions that depend on "
            "it: remove it, or have it checked"
        )
