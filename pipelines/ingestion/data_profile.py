"""Finds out what the columns of labelled data are, from a sample of the rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import DataError
from pipelines.ingestion.history_import import Progress
from pipelines.ingestion.sampling import Sample, draw, reading_all
from pipelines.ingestion.sources.source import Source
from pipelines.rules.ingestion.column_names import BYTE_ORDER_MARK
from pipelines.rules.proposal.column_profile import ColumnProfile, profile, word_profile
from pipelines.rules.proposal.column_roles import Roles, roles, shown
from pipelines.rules.proposal.label_proposal import LabelProposal, propose_label
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.spellings import BLANK

MOST_COLUMNS = 2000
Open = Callable[[Contract], Source]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a person says of the data; empty where nothing was said.

    `csv` are settings of the contract's section `csv`.
    """

    label: str
    positive: tuple[str, ...] = ()
    time: str = ""
    id: str = ""
    key: str = ""
    title: str = ""
    csv: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the data do not tell; without an answer `guess` is taken, because of `why`."""

    flag: str
    text: str
    choices: tuple[str, ...]
    guess: str
    why: str


@dataclass(frozen=True, kw_only=True)
class DataProfile:
    """What a sample of the data shows; `left_out` are columns that can't be read by their name.

    `source` is the name of the data. `is_text` says that every value is text, as in a CSV file.
    `headers` counts the sampled lines that repeat the header, as in files that were joined.
    """

    source: str
    sample: Sample
    profiles: dict[str, ColumnProfile]
    label: LabelProposal
    roles: Roles
    left_out: dict[str, str]
    is_text: bool
    headers: int = 0

    def with_answers(self, answers: Answers) -> "DataProfile":
        """Return the same data with what a person said of them."""
        label = self.profiles[answers.label]
        others = {name: each for name, each in self.profiles.items() if name != answers.label}
        return replace(
            self,
            label=propose_label(answers.label, label.values, label.missing, answers.positive),
            roles=roles(others, time=answers.time, id_=answers.id, key=answers.key),
        )

    def questions(self, answers: Answers) -> list[Question]:
        """Return what is not certain and was not said."""
        asked = []
        if not answers.positive and not self.label.is_certain:
            values = [value for value, _ in self.profiles[answers.label].values]
            asked.append(
                Question(
                    flag="--positive",
                    text=f"Which value of {answers.label} is the positive class?",
                    choices=tuple(values),
                    guess=str(self.label.label.positive),
                    why=self.label.why,
                )
            )
        if not answers.time and len(self.roles.times) > 1:
            asked.append(
                Question(
                    flag="--time",
                    text="Which column is the time of the transaction?",
                    choices=tuple(self.roles.times),
                    guess=self.roles.times[0],
                    why="its name says so, or it is the first",
                )
            )
        return asked


def examine(
    open_source: Open, answers: Answers, progress: Progress = lambda _: None
) -> DataProfile:
    """Read the data once, and find out what each column is.

    Raises DataError when they can't be those of a binary classification.
    """
    source = open_source(reading_all([answers.label], answers.label))
    names = [name.removeprefix(BYTE_ORDER_MARK).strip(BLANK) for name in source.columns()]
    left_out = _unreadable(names)
    columns = [name for name in names if name not in left_out]
    _require_columns(columns, left_out, answers, source.name)
    sample = draw(open_source(reading_all(columns, answers.label)), len(columns), progress)
    sample, headers = _without_headers(sample, answers.label)
    if not sample.rows:
        raise DataError(f"{source.name} has no rows: only its first line, which names the columns")
    now = datetime.now(UTC)
    profiles = {}
    for column in columns:
        profiles[column] = profile(column, sample.table[column], now=now)
    label = word_profile(answers.label, sample.table[answers.label])
    others = {name: each for name, each in profiles.items() if name != answers.label}
    return DataProfile(
        source=source.name,
        sample=sample,
        profiles=profiles | {answers.label: label},
        label=propose_label(answers.label, label.values, label.missing, answers.positive),
        roles=roles(others, time=answers.time, id_=answers.id, key=answers.key),
        left_out=left_out,
        is_text=all(pa.types.is_string(each) for each in sample.table.schema.types),
        headers=headers,
    )


def _without_headers(sample: Sample, label: str) -> tuple[Sample, int]:
    """Leave out lines whose label is its own name; returns their number too."""
    if not sample.rows or not pa.types.is_string(sample.table[label].type):
        return sample, 0
    is_header = pc.fill_null(pc.equal(pc.utf8_trim(sample.table[label], BLANK), label), False)
    headers = int(pc.sum(is_header).as_py() or 0)
    return Sample(sample.table.filter(pc.invert(is_header)), sample.rows), headers


def _unreadable(names: Sequence[str]) -> dict[str, str]:
    """Return the names by which no column can be read, with the reason."""
    reasons: dict[str, str] = {}
    for name, count in Counter(names).items():
        if not name:
            reasons[name] = f"{count} {'column has' if count == 1 else 'columns have'} no name"
        elif count > 1:
            reasons[name] = f"{count} columns have this name"
    return reasons


def _require_columns(
    columns: Sequence[str], left_out: dict[str, str], answers: Answers, source: str
) -> None:
    named = {
        "--label": answers.label,
        "--time": answers.time,
        "--id": answers.id,
        "--key": answers.key,
    }
    for flag, name in named.items():
        if name and name in left_out:
            raise DataError(f"{source}: {flag} {name}: {left_out[name]}: rename one of them")
        if name and name not in columns:
            raise DataError(f"{source}: {flag} {name}: {_no_column(name, columns)}")
    if len(columns) > MOST_COLUMNS:
        raise DataError(
            f"{source} has {len(columns):,} columns, and a use case at most {MOST_COLUMNS:,}: "
            "choose some of them, for example with --query"
        )


def _no_column(name: str, columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return (
            f"the only column is {columns[0][:80]!r}: if the columns are separated by another "
            "character, name it with --delimiter"
        )
    close = get_close_matches(name, columns, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the columns are {shown(columns, 20)}"
    return f"there is no such column; {hint}"
