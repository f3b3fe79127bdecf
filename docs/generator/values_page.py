"""The page of what values are accepted, by type, and why others are refused."""

from collections.abc import Iterable, Iterator

from docs.generator.markdown import code, page, table
from pipelines.rules.use_case import likely_causes
from pipelines.rules.use_case.contract import OTHER
from pipelines.rules.use_case.label_values import NEITHER, NO_LABEL
from pipelines.rules.use_case.likely_causes import Cause
from pipelines.rules.use_case.spellings import (
    ABSENT,
    EXACT,
    FALSE,
    FAR_YEAR,
    IN_FUTURE,
    LARGEST,
    LONGEST_ID,
    MISSING,
    NOT_A_NUMBER,
    NOT_A_TIME,
    NOT_AN_ID,
    NOT_BOOLEAN,
    NOT_EXACT,
    NOT_WHOLE,
    TOO_LARGE,
    TRUE,
    YEARS,
)

INTRODUCTION = """\
A value has one meaning, whether it comes in a file, a query or a request. It is taken exactly, or
it is refused with the column, the value and what to write. [Describe your
data](../how-to/describe-your-data.md) has examples for a file that is not tidy.
[Decision 021](../decisions/021-one-meaning-of-a-value.md) has the reasons."""
DIFFERENCES = """\
- A request may leave out the id, the entity, the time and a nullable feature. A file needs a column
  for each of them but the id and the entity, and a file's row without an id is refused.
- A file leaves rows with an `unlabelled` value out. A request with such a label is refused.
- A request may send a label as 1 or 0 even if the contract lists words for the classes.
- A refusal of a request says what the field takes. That of a file has the reason, the number of
  rows, and three values with their lines.
- A name that a JSON object has twice is refused. So are two columns of a file that are one column
  of the contract."""
COUNTED = f"""\
The contract may take a value as another one. Each such value is counted, for a request in
`sixgate_values_total` and in [the data quality](drift.md) of the use case, for a file in the result
of `sixgate ingest`.

- `missing` lists the values of a feature that mean missing. Then the default words no longer do.
- `unknown: missing` takes a category that is not listed as missing, `unknown: {OTHER}` as the
  category `{OTHER}`. By default it is refused.
- `beyond: clip` takes a number outside the range as the nearest limit, `beyond: accept` as it is.
  By default it is refused."""
REASONS = (
    ABSENT,
    NOT_A_NUMBER,
    NOT_WHOLE,
    NOT_EXACT,
    TOO_LARGE,
    "outside [lowest, highest]",
    NOT_BOOLEAN,
    "not one of the categories",
    NOT_AN_ID,
    NOT_A_TIME,
    FAR_YEAR,
    IN_FUTURE,
    NO_LABEL,
    NEITHER,
)


def values_page() -> str:
    """Write what each type accepts, what a value is taken as, and the reasons of refusals."""
    causes = [(cause.question, cause.request, cause.file) for cause in _causes()]
    return page(
        "Values",
        INTRODUCTION,
        table(("type", "accepted", "read as"), _types()),
        "## Taken as another value",
        COUNTED,
        "## Where files and requests differ",
        DIFFERENCES,
        "## Reasons of refusals",
        "\n".join(f"- {reason}" for reason in REASONS),
        "A refusal also guesses the cause:",
        table(("likely cause", "in a request", "in a file"), causes),
    )


def _types() -> Iterator[tuple[str, str, str]]:
    yield (
        "float",
        "digits with a point or none, a sign and an exponent, also as text; blanks around it",
        f"the number; at most {LARGEST:g} in size, since models take float32",
    )
    yield (
        "int",
        "the same, without a fraction: `3.0` and `3e0` are 3",
        f"the whole number; at most {EXACT} in size, beyond which digits are lost",
    )
    yield "bool", f"{_listed(TRUE)}; {_listed(FALSE)}; in any case", "true; false"
    yield (
        "category",
        "exactly the text that the contract lists; a whole number or a bool spells the category of "
        "its digits or word: `1.0` is `1`",
        "the category",
    )
    yield (
        "missing",
        f"null, empty text and blanks; of a number or a bool also {_listed(MISSING)} in any case, "
        "or the values of the feature's `missing` instead of these words",
        "missing, if the feature is nullable",
    )
    yield (
        "id",
        f"text of 1 to {LONGEST_ID} characters without NUL that is not blank; a whole number",
        "the text, with its blanks, case and leading zeros; the digits of a number",
    )
    yield (
        "time",
        "ISO 8601 with a T or a blank, such as `2026-01-31`, `2026-01-31 10:00` and "
        "`2026-01-31T10:00:00.123+02:00`; `Z`, ` UTC` or an offset, UTC without one",
        f"the time to the nearest microsecond; from {YEARS.start} to {YEARS.stop - 1}, and at most "
        "a day in the future",
    )
    yield (
        "label",
        "the values that the contract lists under `positive`, `negative` and `unlabelled`: numbers "
        "as numbers, words in any case; for 1 and 0 also the spellings of a bool",
        "the class; nothing else is a negative",
    )


def _listed(spellings: Iterable[str]) -> str:
    return ", ".join(code(spelling) for spelling in spellings)


def _causes() -> Iterator[Cause]:
    """Yield the causes that a refusal may name, once each."""
    for value in vars(likely_causes).values():
        if isinstance(value, Cause):
            yield value
